Feature: HTTP authentication
  A project secret with a user name and a password opens a repository; a public one needs no secret.
  Each cluster of the project logs in as a user of its own, so that the Git server can tell who came.

  @CD-AUTH-08 @CD-SOURCE-02 @auth.anonymous
  Scenario: A public repository needs no secret
    Given a project
    And a public repository "shop"
    When the GitOps source "shop" is created
    Then the manifests of "shop" exist on every cluster of the project
    And the GitRepository of "shop" names no secret on every cluster of the project
    And the Git server saw every cluster of the project fetch "shop" anonymously
    And the clusters outside the project are untouched

  @CD-AUTH-02 @CD-SECRET-01 @auth.http
  Scenario: User name and password over HTTP
    Given a project
    And a repository "shop" that asks for a user name and a password
    And a project secret "login" with:
      | username | the user name |
      | password | the password  |
    When the GitOps source "shop" is created with:
      | transport | HTTP  |
      | secret    | login |
    Then the manifests of "shop" exist on every cluster of the project
    And the Git server saw every cluster of the project fetch "shop" with its own login
    And the clusters outside the project are untouched

  @CD-AUTH-01 @CD-AUTH-02 @CD-AUTH-06 @auth.http
  Scenario: User name and password over HTTPS with a certificate that the clusters trust
    Given a project
    And a repository "shop" that asks for a user name and a password
    And a project secret "login" with:
      | username | the user name |
      | password | the password  |
    When the GitOps source "shop" is created with:
      | transport | HTTPS |
      | secret    | login |
    Then the manifests of "shop" exist on every cluster of the project
    And the Git server saw every cluster of the project fetch "shop" with its own login

  @CD-AUTH-02 @CD-ERROR-03 @CD-ERROR-12 @auth.http
  Scenario: A wrong password is refused and reported until it is corrected
    Given a project
    And a repository "shop" that asks for a user name and a password
    And a project secret "login" with:
      | username | the user name    |
      | password | a wrong password |
    When the GitOps source "shop" is created with:
      | secret | login |
    Then every cluster of the project reports that "shop" could not log in
    And the Git server refused every cluster of the project that asked for "shop"
    And nothing of "shop" is on any cluster
    When the project secret "login" is changed to:
      | username | the user name |
      | password | the password  |
    Then the manifests of "shop" exist on every cluster of the project

  @CD-AUTH-06 @CD-AUTH-10 @auth.http
  Scenario: The user name in place of the password does not give access
    Given a project
    And a repository "shop" that asks for a user name and a password
    And a project secret "login" with:
      | username | the user name |
      | password | the user name |
    When the GitOps source "shop" is created with:
      | secret | login |
    Then every cluster of the project reports that "shop" could not log in
    And nothing of "shop" is on any cluster
    When the project secret "login" is changed to:
      | username | the user name |
      | password | the password  |
    Then the manifests of "shop" exist on every cluster of the project

  @CD-SECRET-01 @CD-ERROR-03 @auth.http
  Scenario: A private repository without a secret is refused and reported
    Given a project
    And a repository "shop" that asks for a user name and a password
    When the GitOps source "shop" is created
    Then every cluster of the project reports that "shop" could not log in
    And the Git server refused every cluster of the project that asked for "shop"
    And nothing of "shop" is on any cluster
    When the repository "shop" is made public
    Then the manifests of "shop" exist on every cluster of the project

  @CD-SOURCE-03 @CD-ERROR-04 @CD-ERROR-12 @auth.http
  Scenario: A secret that does not exist is reported until it does
    Given a project
    And a public repository "shop"
    When the GitOps source "shop" is created with:
      | secret | login |
    Then every cluster of the project reports that the secret of "shop" is missing
    And nothing of "shop" is on any cluster
    When the project secret "login" is created with:
      | username | the user name |
      | password | the password  |
    Then the manifests of "shop" exist on every cluster of the project

  @CD-AUTH-07 @auth.http
  Scenario: With multi-factor authentication the password is refused and a token accepted
    Given a project
    And a repository "shop" whose accounts use multi-factor authentication
    And a project secret "login" with:
      | username | the user name |
      | password | the password  |
    When the GitOps source "shop" is created with:
      | secret | login |
    Then every cluster of the project reports that "shop" could not log in
    And nothing of "shop" is on any cluster
    When the project secret "login" is changed to:
      | username | the user name    |
      | password | the access token |
    Then the manifests of "shop" exist on every cluster of the project
    And the Git server saw every cluster of the project fetch "shop" with its own login
