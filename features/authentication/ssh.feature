Feature: SSH authentication
  The secret holds `identity`, `identity.pub` and `known_hosts`; the URL is `ssh://user@host:port/org/repository`.

  @CD-AUTH-04 @CD-AUTH-09 @CD-SOURCE-12 @auth.ssh
  Scenario: A key and the known host open the repository
    Given a project
    And a repository "shop" that asks for an SSH key
    And a project secret "key" with:
      | identity     | the private key |
      | identity.pub | the public key  |
      | known_hosts  | the host key    |
    When the GitOps source "shop" is created with:
      | transport | SSH |
      | secret    | key |
    Then the manifests of "shop" exist on every cluster of the project
    And the Git server saw every cluster of the project fetch "shop" with its own key
    And the clusters outside the project are untouched

  @CD-AUTH-04 @CD-AUTH-10 @auth.ssh
  Scenario Outline: <what> is refused and reported until it is corrected
    Given a project
    And a repository "shop" that asks for an SSH key
    And a project secret "key" with:
      | identity     | <identity>     |
      | identity.pub | the public key |
      | known_hosts  | <known_hosts>  |
    When the GitOps source "shop" is created with:
      | transport | SSH |
      | secret    | key |
    Then every cluster of the project reports that <problem> of "shop" is <state>
    And nothing of "shop" is on any cluster
    When the project secret "key" is changed to:
      | identity     | the private key |
      | identity.pub | the public key  |
      | known_hosts  | the host key    |
    Then the manifests of "shop" exist on every cluster of the project

    Examples:
      | what                         | identity        | known_hosts      | problem      | state       |
      | A key that nobody authorised | a foreign key   | the host key     | the key      | not allowed |
      | A missing key                | nothing         | the host key     | the key      | missing     |
      | Another host's key           | the private key | another host key | the host key | not trusted |
      | A missing host key           | the private key | nothing          | the host key | missing     |

  @CD-FORBID-01 @CD-SOURCE-12 @auth.ssh
  Scenario: An SCP-style URL is refused and reported
    Given a project
    And a repository "shop" that asks for an SSH key
    And a project secret "key" with:
      | identity     | the private key |
      | identity.pub | the public key  |
      | known_hosts  | the host key    |
    When the GitOps source "shop" is created with:
      | transport | SSH with an SCP-style URL |
      | secret    | key                       |
    Then the wrong URL of "shop" is reported
    And nothing of "shop" is on any cluster
    When the GitOps source "shop" is changed to:
      | transport | SSH |
    Then the manifests of "shop" exist on every cluster of the project

  @CD-AUTH-09 @CD-FORBID-02 @auth.ssh
  Scenario: An SSH secret with an HTTPS URL is refused and reported
    Given a project
    And a repository "shop" that asks for an SSH key
    And a project secret "key" with:
      | identity     | the private key |
      | identity.pub | the public key  |
      | known_hosts  | the host key    |
    When the GitOps source "shop" is created with:
      | transport | HTTPS |
      | secret    | key   |
    Then the wrong URL of "shop" is reported
    And nothing of "shop" is on any cluster
    When the GitOps source "shop" is changed to:
      | transport | SSH |
    Then the manifests of "shop" exist on every cluster of the project
