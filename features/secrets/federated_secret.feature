Feature: Project secrets
  A FederatedSecret in the project namespace becomes a Secret on every cluster of the project.

  @CD-SECRET-02 @CD-SECRET-04 @federated-secret
  Scenario: A project secret is a FederatedSecret and is listed
    Given a project
    When the project secret "login" is applied as a FederatedSecret manifest with:
      | username | the user name |
      | password | the password  |
    Then the management cluster serves namespaced FederatedSecrets
    And the secret "login" is listed among the project's secrets

  @CD-SECRET-03 @CD-SECRET-05 @federated-secret
  Scenario: A FederatedSecret manifest becomes the same Secret on every cluster of the project
    Given a project
    When the project secret "login" is applied as a FederatedSecret manifest with:
      | username | the user name |
      | password | the password  |
    Then every cluster of the project has the secret "login" with exactly these values
    And the clusters outside the project are untouched

  @CD-SECRET-05 @CD-SECRET-09 @federated-secret
  Scenario: A changed project secret reaches every cluster
    Given a project
    And a project secret "login" with:
      | username | the user name    |
      | password | a wrong password |
    And every cluster of the project has the secret "login" with exactly these values
    When the project secret "login" is changed to:
      | username | the user name |
      | password | the password  |
    Then every cluster of the project has the secret "login" with exactly these values

  @CD-SECRET-03 @CD-ERROR-04 @federated-secret
  Scenario: A secret of another project does not serve this one
    Given a project
    And a repository "shop" that asks for a user name and a password
    And another project with a project secret "login" with:
      | username | the user name |
      | password | the password  |
    When the GitOps source "shop" is created with:
      | secret | login |
    Then every cluster of the project reports that the secret of "shop" is missing
    And nothing of "shop" is on any cluster
    When the project secret "login" is created with:
      | username | the user name |
      | password | the password  |
    Then the manifests of "shop" exist on every cluster of the project
