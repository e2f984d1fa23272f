Feature: Resuming a GitOps source
  After Resume the clusters get the updated contents of the repository.

  @CD-RESUME-01 @suspend
  Scenario: Resume syncs what was committed meanwhile
    Given a project
    And a synced GitOps source "shop"
    And the GitOps source "shop" is suspended everywhere
    And the commit "v2" is pushed to "shop"
    When the GitOps source "shop" is resumed
    Then the manifests of "shop" exist on every cluster of the project
    And the revision of "shop" is that commit on every cluster of the project
    And what "v2" removed from "shop" is gone from every cluster of the project

  @CD-RESUME-02 @suspend
  Scenario: Of several missed commits only the last one shows
    Given a project
    And a synced GitOps source "shop"
    And the GitOps source "shop" is suspended everywhere
    And the commit "v2" is pushed to "shop"
    And the commit "v3" is pushed to "shop"
    When the GitOps source "shop" is resumed
    Then the manifests of "shop" exist on every cluster of the project
    And the revision of "shop" is that commit on every cluster of the project
    And no cluster of the project ever applied the commit "v2" of "shop"

  @CD-RESUME-03 @CD-SYNC-05 @suspend
  Scenario: After Resume new commits are synced again
    Given a project
    And a synced GitOps source "shop"
    And the GitOps source "shop" is suspended everywhere
    And the GitOps source "shop" is resumed everywhere
    When the commit "v2" is pushed to "shop"
    Then the manifests of "shop" exist on every cluster of the project
    And nobody asked for a reconciliation of "shop"

  @CD-RESUME-04 @CD-RESUME-05 @suspend
  Scenario: Resume replaces manual changes and keeps what Git does not know
    Given a project
    And a synced GitOps source "shop"
    And the GitOps source "shop" is suspended everywhere
    And somebody changes, scales and deletes objects of "shop" with kubectl on every cluster of the project
    And somebody creates an object of their own on every cluster of the project
    When the GitOps source "shop" is resumed
    Then the manifests of "shop" exist on every cluster of the project
    And the object of their own is still there
