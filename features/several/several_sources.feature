Feature: Several GitOps sources
  A project can have more than one source, each with its own repository and credentials.

  @CD-MULTI-01 @CD-MULTI-02 @multi-source
  Scenario: Three sources with three ways to log in
    Given a project
    And a public repository "plain-nested"
    And a repository "shop" that asks for a user name and a password
    And a repository "overlay" that asks for an SSH key
    And a project secret "login" with:
      | username | the user name      |
      | password | the password       |
      | caFile   | the CA certificate |
    And a project secret "key" with:
      | identity     | the private key |
      | identity.pub | the public key  |
      | known_hosts  | the host key    |
    When the GitOps source "plain-nested" is created
    And the GitOps source "shop" is created with:
      | transport | HTTPS with a self-signed certificate |
      | secret    | login                                |
    And the GitOps source "overlay" is created with:
      | transport | SSH |
      | secret    | key |
    Then the manifests of "plain-nested" exist on every cluster of the project
    And the manifests of "shop" exist on every cluster of the project
    And the manifests of "overlay" exist on every cluster of the project
    And the management cluster has the success event of each source
    And the Git server saw every cluster of the project fetch "shop" with its own login
    And the Git server saw every cluster of the project fetch "overlay" with its own key
    And the Git server saw every cluster of the project fetch "plain-nested" anonymously

  @CD-MULTI-03 @multi-source
  Scenario: A broken source does not touch the others
    Given a project
    And a synced GitOps source "shop"
    And a public repository "plain-nested" that cannot be reached
    When the GitOps source "plain-nested" is created
    And the commit "v2" is pushed to "shop"
    Then every cluster of the project reports that "plain-nested" cannot be reached
    And the manifests of "shop" exist on every cluster of the project
    And the Kustomization of "shop" is ready at that commit on every cluster of the project
