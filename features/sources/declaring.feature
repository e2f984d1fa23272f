Feature: Declaring a GitOps source
  A GitopsRepository in the project namespace says where the application definition lies.

  @CD-SOURCE-01 @CD-SOURCE-02 @source
  Scenario: A GitOps source is an object of the project
    Given a project
    And a public repository "shop"
    When the GitOps source "shop" is created
    Then the management cluster serves namespaced GitopsRepositories
    And the GitRepository of "shop" has the URL of the repository on every cluster of the project
    And the Git server saw every cluster of the project fetch "shop" anonymously

  @CD-SOURCE-01 @source
  Scenario: A GitOps source outside any project deploys nothing
    Given a project
    And a public repository "shop"
    When the GitOps source "shop" is created in a namespace of no project
    Then nothing of "shop" is on any cluster while a control source is synced twice
    When the GitOps source "shop" is created
    Then the manifests of "shop" exist on every cluster of the project

  @CD-SOURCE-02 @source
  Scenario: A GitOps source without a URL is refused
    Given a project
    When a GitOps source without a URL is created
    Then it is refused or reported, and no cluster has a GitRepository for it
    Given a public repository "shop"
    When the GitOps source "shop" is created
    Then the manifests of "shop" exist on every cluster of the project

  @CD-SOURCE-03 @auth.http
  Scenario: The source uses the secret that was created before it
    Given a project
    And a repository "shop" that asks for a user name and a password
    And a project secret "login" with:
      | username | the user name |
      | password | the password  |
    When the GitOps source "shop" is created with:
      | secret | login |
    Then the GitRepository of "shop" uses the secret "login" on every cluster of the project
    And the Git server saw every cluster of the project fetch "shop" with its own login

  @CD-SOURCE-06 @CD-SYNC-02 @source
  Scenario: Only the manifests at the path are deployed
    Given a project
    And a public repository "two-paths"
    When the GitOps source "two-paths" is created with:
      | path | ./gitops |
    Then the manifests of "two-paths" exist on every cluster of the project
    And exactly the manifests of "two-paths" carry its owner labels on every cluster of the project
    And nothing of the rest of "two-paths" is on any cluster while a control source is synced twice

  @CD-SOURCE-11 @CD-SYNC-02 @source
  Scenario: A changed path takes effect
    Given a project
    And a synced GitOps source "two-paths" at the path "./gitops"
    When the GitOps source "two-paths" is changed to:
      | path | ./other |
    Then the manifests of "two-paths" exist on every cluster of the project
    And exactly the manifests of "two-paths" carry its owner labels on every cluster of the project

  @CD-SOURCE-12 @auth.ssh
  Scenario: An SSH URL with a port and a deeper path
    Given a project
    And a repository "shop" that asks for an SSH key and lies two folders deep
    And a project secret "key" with:
      | identity     | the private key |
      | identity.pub | the public key  |
      | known_hosts  | the host key    |
    When the GitOps source "shop" is created with:
      | transport | SSH |
      | secret    | key |
    Then the manifests of "shop" exist on every cluster of the project
    And the Git server saw every cluster of the project fetch "shop" with its own key
