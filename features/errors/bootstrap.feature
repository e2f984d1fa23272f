Feature: The bootstrap repository
  The CD manifests travel through a repository of the system's own. Taking that away disturbs every
  project, so these scenarios run alone.

  @CD-EVENT-02 @CD-ERROR-15 @CD-ERROR-01 @bootstrap-faults @disruptive
  Scenario: Without the bootstrap repository there is an error and no success event
    Given a project
    And a public repository "shop"
    And the bootstrap repository cannot be reached
    When the GitOps source "shop" is created
    Then the status of "shop" on the management cluster tells an error
    And the management cluster has no success event of "shop"
    When the bootstrap repository can be reached again
    Then the management cluster has the success event of "shop"
    And the status of "shop" on the management cluster tells no error any more
    And the manifests of "shop" exist on every cluster of the project

  @CD-CLI-04 @cli @bootstrap-faults @disruptive
  Scenario: The stages of a sync can be followed with three commands
    Given a project
    And a public repository "shop" that cannot be reached
    And the bootstrap repository cannot be reached
    When the GitOps source "shop" is created
    Then the commands of the documentation tell that the CD manifests of "shop" are not written
    When the bootstrap repository can be reached again
    Then the commands of the documentation tell that "shop" is not fetched
    When a commit with a manifest that the API server refuses is pushed to "shop"
    And the repository "shop" can be reached again
    Then the commands of the documentation tell that "shop" is fetched and not applied
    When the commit "v2" is pushed to "shop"
    Then the commands of the documentation tell that "shop" is applied
