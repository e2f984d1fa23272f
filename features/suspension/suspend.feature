Feature: Suspending a GitOps source
  While a source is suspended, the clusters belong to the person who debugs them.
  That nothing happens is measured against a control source that is synced and corrected meanwhile.

  @CD-SUSPEND-01 @CD-SUSPEND-08 @suspend
  Scenario: A source can be suspended
    Given a project
    And a synced GitOps source "shop"
    When the GitOps source "shop" is suspended
    Then the GitOps source "shop" reads as suspended
    And every cluster of the project shows the suspension of "shop"

  @CD-SUSPEND-02 @suspend
  Scenario: New commits stay away from a suspended source
    Given a project
    And a synced GitOps source "shop"
    And a synced control source
    And the GitOps source "shop" is suspended everywhere
    When the commit "v2" is pushed to "shop"
    Then nothing of "shop" changes on any cluster while a control source is synced twice
    When the GitOps source "shop" is resumed
    Then the manifests of "shop" exist on every cluster of the project

  @CD-SUSPEND-03 @suspend
  Scenario Outline: Changes made with <tool> stay
    Given a project
    And a synced GitOps source "shop"
    And a synced control source
    And the GitOps source "shop" is suspended everywhere
    When somebody changes, scales and deletes objects of "shop" with <tool> on every cluster of the project
    Then these changes stay on every cluster while a control source is synced twice
    When the GitOps source "shop" is resumed
    Then the manifests of "shop" exist on every cluster of the project

    Examples:
      | tool                |
      | kubectl             |
      | another tool        |

  @CD-SUSPEND-04 @suspend
  Scenario: Suspending removes nothing
    Given a project
    And a synced GitOps source "shop"
    And a synced control source
    When the GitOps source "shop" is suspended
    Then nothing of "shop" changes on any cluster while a control source is synced twice
    And every object of "shop" is the same as before

  @CD-SUSPEND-05 @suspend @multi-source
  Scenario: Suspending one source leaves the others in sync
    Given a project
    And a synced GitOps source "shop"
    And a synced GitOps source "plain-nested"
    And the GitOps source "shop" is suspended everywhere
    When the commit "v2" is pushed to "shop"
    And the commit "v2" is pushed to "plain-nested"
    Then the manifests of "plain-nested" exist on every cluster of the project
    And the revision of "plain-nested" is that commit on every cluster of the project
    And nothing of "shop" has changed on any cluster
