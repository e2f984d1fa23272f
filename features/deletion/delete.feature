Feature: Deleting a GitOps source
  Removing the source removes all that was applied from it, and nothing else.

  @CD-DELETE-01 @CD-DELETE-02 @CD-DELETE-03 @delete
  Scenario: Everything that was applied is removed
    Given a project
    And a synced GitOps source "shop"
    When the GitOps source "shop" is deleted
    Then the GitOps source "shop" is gone
    And every object of "shop" is gone from every cluster of the project
    And the GitRepository and the Kustomization of "shop" are gone from every cluster of the project

  @CD-DELETE-02 @delete
  Scenario: What somebody changed by hand is removed as well
    Given a project
    And a synced GitOps source "shop"
    And the GitOps source "shop" is suspended everywhere
    And somebody changes and scales objects of "shop" with kubectl on every cluster of the project
    And the GitOps source "shop" is resumed everywhere
    When the GitOps source "shop" is deleted
    Then the GitOps source "shop" is gone
    And every object of "shop" is gone from every cluster of the project

  @CD-DELETE-04 @delete @multi-source
  Scenario: Nothing else is removed
    Given a project
    And a repository "shop" that asks for a user name and a password
    And a project secret "login" with:
      | username | the user name |
      | password | the password  |
    And a synced GitOps source "shop" with the secret "login"
    And a synced GitOps source "plain-nested"
    And somebody creates an object of their own on every cluster of the project
    When the GitOps source "shop" is deleted
    Then the GitOps source "shop" is gone
    And every object of "shop" is gone from every cluster of the project
    And the object of their own is still there
    And every object of "plain-nested" is the same as before
    And the secret "login" and the project are still there

  @CD-DELETE-04 @CD-FORBID-03 @delete
  Scenario: A manifest of a Namespace does not hand the project's namespace to the source
    Given a project
    And a synced GitOps source "shop"
    When a commit with a manifest of a Namespace is pushed to "shop"
    Then every cluster of the project has dealt with that commit of "shop"
    And the namespace of the project does not belong to "shop" on any cluster
    When the GitOps source "shop" is deleted
    Then the GitOps source "shop" is gone
    And the namespace of the project is still there on every cluster of the project

  @CD-DELETE-05 @CD-DELETE-03 @delete @suspend
  Scenario: Deleting a suspended source removes everything, too
    Given a project
    And a synced GitOps source "shop"
    And the GitOps source "shop" is suspended everywhere
    When the GitOps source "shop" is deleted
    Then the GitOps source "shop" is gone
    And every object of "shop" is gone from every cluster of the project
    And the GitRepository and the Kustomization of "shop" are gone from every cluster of the project

  @CD-DELETE-06 @delete
  Scenario: Commits after the deletion have no effect
    Given a project
    And a synced GitOps source "shop"
    And a synced control source
    And the GitOps source "shop" is deleted everywhere
    When the commit "v2" is pushed to "shop"
    Then nothing of "shop" is on any cluster while a control source is synced twice
    And the Git server saw no more fetches of "shop"

  @CD-DELETE-11 @delete @suspend
  Scenario: Deleting a suspended source deploys nothing that was withheld
    Given a project
    And a synced GitOps source "shop"
    And the GitOps source "shop" is suspended everywhere
    And the commit "v2" is pushed to "shop"
    And somebody changes and scales objects of "shop" with kubectl on every cluster of the project
    When the GitOps source "shop" is deleted
    Then the GitOps source "shop" is gone
    And every object of "shop" is gone from every cluster of the project
    And nothing that "v2" adds or changes in "shop" was seen on any cluster
