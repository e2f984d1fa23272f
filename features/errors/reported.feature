Feature: Errors are reported where they happen
  An error shows in the status of the resource that met it, and clears when its cause is gone.

  @CD-ERROR-02 @CD-ERROR-05 @CD-ERROR-12 @status
  Scenario: A repository that does not exist is reported until it does
    Given a project
    And a public repository "shop" that the server does not have
    When the GitOps source "shop" is created
    Then every cluster of the project reports that "shop" cannot be found
    And nothing of "shop" is on any cluster
    When the repository "shop" can be reached again
    Then the manifests of "shop" exist on every cluster of the project

  @CD-ERROR-06 @CD-ERROR-12 @status
  Scenario: A branch that does not exist is reported until it is corrected
    Given a project
    And a public repository "shop"
    When the GitOps source "shop" is created with:
      | branch | nowhere |
    Then every cluster of the project reports that the branch of "shop" is missing
    And nothing of "shop" is on any cluster
    When the GitOps source "shop" is changed to:
      | branch | main |
    Then the manifests of "shop" exist on every cluster of the project

  @CD-ERROR-07 @CD-ERROR-12 @CD-ERROR-14 @status
  Scenario: A path that does not exist is reported, and what was deployed stays
    Given a project
    And a synced GitOps source "shop"
    When the GitOps source "shop" is changed to:
      | path | ./nowhere |
    Then the Kustomization of "shop" reports a missing path on every cluster of the project
    And what was deployed of "shop" is still there
    When the GitOps source "shop" is changed to:
      | path | ./gitops |
    Then the manifests of "shop" exist on every cluster of the project
    And the Kustomization of "shop" is ready at that commit on every cluster of the project

  @CD-ERROR-13 @CD-CLUSTER-15 @CD-ERROR-03 @auth.http @secret.overrides
  Scenario: A fault of one cluster is reported there and stops no other
    Given a project
    And a repository "shop" that asks for a user name and a password
    And a project secret "login" with:
      | username | the user name |
      | password | the password  |
    And the repository "shop" refuses one cluster
    When the GitOps source "shop" is created with:
      | secret | login |
    Then the manifests of "shop" exist on the clusters that are served
    And only the refused cluster reports that "shop" could not log in
    When the repository "shop" can be reached again
    Then the manifests of "shop" exist on every cluster of the project
