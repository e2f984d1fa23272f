Feature: Following a sync
  Three commands tell how far a sync is: on the management cluster, and twice on an attached one.

  @CD-STATUS-01 @CD-EVENT-01 @CD-CLI-01 @cli
  Scenario: kubectl describe shows the source and its event
    Given a project
    And a synced GitOps source "shop" named "gitopsdemo"
    When this command is run on the management cluster:
      """
      kubectl describe gitopsrepositories.dispatch.d2iq.io -n<PROJECT_NAMESPACE> gitopsdemo
      """
    Then its output names the source and the project namespace
    And its output lists the event:
      | Type   | Reason              | From                       | Message                          |
      | Normal | ManifestSyncSuccess | GitopsRepositoryController | manifests synced to bootstrap repo |

  @CD-STATUS-02 @CD-CLI-02 @cli
  Scenario: kubectl get shows the Kustomization's condition
    Given a project
    And a synced GitOps source "shop"
    When this command is run on every cluster of the project:
      """
      kubectl get kustomizations.kustomize.toolkit.fluxcd.io -n<PROJECT_NAMESPACE> <GITOPS_SOURCE_NAME> -oyaml
      """
    Then its output has the condition Ready "True" for the reason "ReconciliationSucceeded"

  @CD-STATUS-03 @CD-CLI-03 @cli
  Scenario: kubectl get shows the GitRepository's condition
    Given a project
    And a synced GitOps source "shop"
    When this command is run on every cluster of the project:
      """
      kubectl get gitrepository.source.toolkit.fluxcd.io -n<PROJECT_NAMESPACE> <GITOPS_SOURCE_NAME> -oyaml
      """
    Then its output has the condition Ready "True" for the reason "GitOperationSucceed"

  @CD-STATUS-04 @status
  Scenario: The conditions follow what happens
    Given a project
    And a public repository "shop" that cannot be reached
    When the GitOps source "shop" is created
    Then every cluster of the project reports that "shop" cannot be reached
    And the GitRepository of "shop" was never ready on any cluster of the project
    When the repository "shop" can be reached again
    Then the manifests of "shop" exist on every cluster of the project
    And the GitRepository of "shop" is ready at that commit on every cluster of the project
    And the Kustomization of "shop" was never ready before its objects existed

  @CD-EVENT-01 @status
  Scenario: The success event is emitted once the CD manifests are written
    Given a project
    And a public repository "shop"
    When the GitOps source "shop" is created
    Then the management cluster has the success event of "shop"
    And every cluster of the project gets the CD manifests of "shop" after they were announced
