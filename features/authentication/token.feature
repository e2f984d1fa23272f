Feature: Access tokens
  A host such as GitHub looks at the token only: the secret may hold nothing but `password`.

  @CD-AUTH-05 @CD-AUTH-01 @auth.token
  Scenario: A token without a user name
    Given a project
    And a repository "shop" that asks for an access token
    And a project secret "token" with:
      | password | the access token |
    When the GitOps source "shop" is created with:
      | transport | HTTPS |
      | secret    | token |
    Then the manifests of "shop" exist on every cluster of the project
    And the Git server saw every cluster of the project fetch "shop" with its own token
    And the clusters outside the project are untouched

  @CD-AUTH-05 @CD-ERROR-03 @auth.token
  Scenario: A revoked token is refused and reported until it is replaced
    Given a project
    And a repository "shop" that asks for an access token
    And a project secret "token" with:
      | password | a revoked token |
    When the GitOps source "shop" is created with:
      | secret | token |
    Then every cluster of the project reports that "shop" could not log in
    And nothing of "shop" is on any cluster
    When the project secret "token" is changed to:
      | password | the access token |
    Then the manifests of "shop" exist on every cluster of the project
