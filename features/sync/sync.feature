Feature: Sync
  What lies at the path of the repository is created on every cluster of the project, and kept so.

  @CD-SYNC-01 @CD-SYNC-03 @sync
  Scenario: A new source is synced without further action
    Given a project
    And a public repository "shop"
    When the GitOps source "shop" is created
    Then the manifests of "shop" exist on every cluster of the project
    And the stages of the sync of "shop" came in the documented order

  @CD-SYNC-02 @CD-SYNC-03 @CD-CLUSTER-01 @sync
  Scenario Outline: The whole tree is deployed: <repository>
    Given a project
    And a public repository "<repository>"
    When the GitOps source "<repository>" is created
    Then the manifests of "<repository>" exist on every cluster of the project
    And exactly the manifests of "<repository>" carry its owner labels on every cluster of the project
    And the clusters outside the project are untouched

    Examples:
      | repository   |
      | plain-nested |
      | overlay      |
      | with-secret  |

  @CD-SYNC-04 @CD-SYNC-14 @sync
  Scenario: Each cluster has a GitRepository and a Kustomization of the source's name
    Given a project
    And a synced GitOps source "shop"
    Then every cluster of the project serves the kinds of Flux
    And the Kustomization of "shop" points to the GitRepository of that name on every cluster of the project
    And the inventory of "shop" lists exactly its manifests on every cluster of the project

  @CD-SYNC-05 @sync
  Scenario: A new commit is applied without any action on the source
    Given a project
    And a synced GitOps source "shop"
    When the commit "v2" is pushed to "shop"
    Then the manifests of "shop" exist on every cluster of the project
    And the revision of "shop" is that commit on every cluster of the project
    And nobody asked for a reconciliation of "shop"

  @CD-SYNC-05 @sync
  Scenario: A commit on another branch changes nothing
    Given a project
    And a synced GitOps source "shop"
    When the commit "v2" is pushed to the branch "experiment" of "shop"
    Then nothing of "shop" changes on any cluster while a control source is synced twice

  @CD-SYNC-06 @CD-SYNC-05 @sync
  Scenario: What Git no longer holds disappears from the clusters
    Given a project
    And a synced GitOps source "shop"
    When the commit "v2" is pushed to "shop"
    Then what "v2" removed from "shop" is gone from every cluster of the project
    And the manifests of "shop" exist on every cluster of the project
    And exactly the manifests of "shop" carry its owner labels on every cluster of the project

  @CD-SYNC-07 @sync
  Scenario: A manual change is undone
    Given a project
    And a synced GitOps source "shop"
    When somebody changes and deletes objects of "shop" with kubectl on every cluster of the project
    Then the manifests of "shop" exist on every cluster of the project

  @CD-STATUS-04 @sync
  Scenario Outline: A commit that cannot be applied is reported, and the next good one heals it: <commit>
    Given a project
    And a synced GitOps source "shop"
    When a commit with <problem> is pushed to "shop"
    Then the Kustomization of "shop" reports <report> on every cluster of the project
    And the GitRepository of "shop" is ready at that commit on every cluster of the project
    And what was deployed of "shop" is still there
    When the commit "v2" is pushed to "shop"
    Then the manifests of "shop" exist on every cluster of the project
    And the Kustomization of "shop" is ready at that commit on every cluster of the project

    @CD-ERROR-08
    Examples:
      | commit  | problem                | report         |
      | broken  | a file that is not YAML | a failed build |

    @CD-ERROR-09 @CD-EVENT-03
    Examples:
      | commit  | problem                                | report         |
      | refused | a manifest that the API server refuses | a failed apply |

  @CD-SOURCE-05 @CD-SOURCE-15 @flux-resources
  Scenario: Flux resources in the repository are acted on
    Given a project
    And a public repository "flux-resources"
    When the GitOps source "flux-resources" is created
    Then the manifests of "flux-resources" exist on every cluster of the project
    And the nested Kustomization of "flux-resources" deploys its own path on every cluster of the project
