Feature: Applications that run
  A GitOps source deploys applications, not only their objects. These scenarios need clusters with
  nodes; the application is the suite's own, in two versions.

  @CD-SYNC-01 @CD-SYNC-03 @workloads
  Scenario: An application from Git runs
    Given clusters that run the application of the suite
    And a project
    And a public repository "workload"
    When the GitOps source "workload" is created
    Then the manifests of "workload" exist on every cluster of the project
    And the application of "workload" runs on every cluster of the project
    And the logs of the application of "workload", and a command in it, tell its version

  @CD-SYNC-05 @workloads
  Scenario: A new commit is rolled out
    Given clusters that run the application of the suite
    And a project
    And a synced GitOps source "workload"
    And a running application of "workload"
    When the commit "v2" is pushed to "workload"
    Then the manifests of "workload" exist on every cluster of the project
    And the application of "workload" runs on every cluster of the project
    And the logs of the application of "workload", and a command in it, tell its version

  @CD-SUSPEND-03 @CD-RESUME-04 @workloads
  Scenario: A suspended application can be debugged with kubectl
    Given clusters that run the application of the suite
    And a project
    And a synced GitOps source "workload"
    And a running application of "workload"
    And a synced control source
    And the GitOps source "workload" is suspended everywhere
    When somebody scales the application of "workload" and sets its image with kubectl on every cluster of the project
    Then the logs of the application of "workload", and a command in it, tell its version
    And these changes stay on every cluster while a control source is synced twice
    And the pods of the application of "workload" are the same as before
    When the GitOps source "workload" is resumed
    Then the manifests of "workload" exist on every cluster of the project
    And the application of "workload" runs on every cluster of the project
    And the logs of the application of "workload", and a command in it, tell its version

  @CD-DELETE-01 @CD-DELETE-02 @workloads
  Scenario: A deleted application does not run any more
    Given clusters that run the application of the suite
    And a project
    And a synced GitOps source "workload"
    And a running application of "workload"
    When the GitOps source "workload" is deleted
    Then the GitOps source "workload" is gone
    And every object of "workload" is gone from every cluster of the project
    And no pod of the application of "workload" is left on any cluster of the project
