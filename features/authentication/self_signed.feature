Feature: HTTPS with a self-signed certificate
  The secret's `caFile` says whom to trust; without the right one nothing is fetched.

  @CD-AUTH-03 @CD-AUTH-01 @auth.https-self-signed
  Scenario: The CA certificate in the secret opens the repository
    Given a project
    And a repository "shop" that asks for a user name and a password
    And a project secret "login" with:
      | username | the user name      |
      | password | the password       |
      | caFile   | the CA certificate |
    When the GitOps source "shop" is created with:
      | transport | HTTPS with a self-signed certificate |
      | secret    | login                                |
    Then the manifests of "shop" exist on every cluster of the project
    And the Git server saw every cluster of the project fetch "shop" with its own login

  @CD-AUTH-03 @CD-ERROR-11 @auth.https-self-signed
  Scenario Outline: <what> is refused and reported until the certificate is there
    Given a project
    And a repository "shop" that asks for a user name and a password
    And a project secret "login" with:
      | username | the user name |
      | password | the password  |
      | caFile   | <caFile>      |
    When the GitOps source "shop" is created with:
      | transport | HTTPS with a self-signed certificate |
      | secret    | login                                |
    Then every cluster of the project reports that the certificate of "shop" is not trusted
    And nothing of "shop" is on any cluster
    When the project secret "login" is changed to:
      | username | the user name      |
      | password | the password       |
      | caFile   | the CA certificate |
    Then the manifests of "shop" exist on every cluster of the project

    Examples:
      | what                       | caFile                 |
      | A missing CA certificate   | nothing                |
      | Another's CA certificate   | another CA certificate |

  @CD-AUTH-03 @auth.https-self-signed
  Scenario: A certificate for another host is refused although its CA is known
    Given a project
    And a repository "shop" that asks for a user name and a password
    And a project secret "login" with:
      | username | the user name      |
      | password | the password       |
      | caFile   | the CA certificate |
    When the GitOps source "shop" is created with:
      | transport | HTTPS with a certificate for another host |
      | secret    | login                                     |
    Then every cluster of the project reports that the certificate of "shop" is not trusted
    And nothing of "shop" is on any cluster
    When the GitOps source "shop" is changed to:
      | transport | HTTPS with a self-signed certificate |
    Then the manifests of "shop" exist on every cluster of the project
