"""
A Docker engine and a `kind` made of two shell scripts and a folder.

Containers and networks are files. What goes wrong is said by files too: `fail-<subcommand>` holds
what docker answers instead, `fail-<member>` what kind says when it creates that member's cluster.
"""

import json
import os
from pathlib import Path

DOCKER = r"""#!/bin/bash
S="@STATE@"
echo "$*" >> "$S/asked"
if [ -e "$S/fail-$1" ]; then cat "$S/fail-$1" >&2; exit 1; fi
case "$1 $2" in
  "version "*) cat "$S/version" ;;
  "info "*) echo "$S" ;;
  "image inspect")
    [ -e "$S/images/${!#}" ] || { echo "Error: No such image: ${!#}" >&2; exit 1; }
    case "$*" in
      *RepoDigests*)
        said=$(cat "$S/images/${!#}"); echo "${said:-{\"id\":\"sha256:1d\",\"of\":[]\}}" ;;
      *) echo "sha256:of-${!#}" ;;
    esac ;;
  "build "*) cat > "$S/context.tar" ;;
  "pull "*) sleep 0.3; touch "$S/images/${!#}" ;;
  "network inspect")
    case "$*" in *Gateway*) cat "$S/gateway" 2>/dev/null; true ;; *) echo 1450 ;; esac ;;
  "container inspect") echo 192.0.2.7 ;;
  "network create")
    for each; do case "$each" in --label=*) label=${each#--label=} ;; esac; done
    echo "$label" > "$S/networks/${!#}" ;;
  "network ls")
    wanted=${!#}; cd "$S/networks" && grep -lxF -- "${wanted#label=}" * 2>/dev/null; true ;;
  "network rm")
    if [ -e "$S/busy" ]; then echo "network $3 has active endpoints" >&2; exit 1; fi
    rm "$S/networks/$3" ;;
  "events "*) touch "$S/events"; exec tail --lines=+1 --follow "$S/events" ;;
  "ps "*)
    case "$*" in
      *label=gitops-conformance.fleet=*)
        wanted=${!#}; cd "$S/labelled" && grep -lxF -- "${wanted#label=}" * 2>/dev/null; true ;;
      *) cat "$S"/containers/* 2>/dev/null; true ;;
    esac ;;
  "rm "*) shift 3; for each; do rm -f "$S/containers/$each" "$S/labelled/$each"; done ;;
  "save "*) shift; file=${1#--output=}; shift; echo "$*" > "$file" ;;
  "logs "*) cat "$S/node-says" 2>/dev/null; true ;;
  "exec "*) : ;;
  *) echo "unexpected: $*" >&2; exit 9 ;;
esac
"""

KIND = r"""#!/bin/bash
S="@STATE@"
[ "$1" = --version ] && { echo "kind version 0.33.0"; exit; }
if [ "$1" = load ]; then
  if [ -e "$S/fail-load" ]; then cat "$S/fail-load" >&2; exit 1; fi
  [ "$2" = image-archive ] || exit 9
  images=$(cat "$3") || exit 9; shift 3; echo "$images $*" >> "$S/loaded"; exit; fi
for each; do case "$each" in
  --name=*) name=${each#--name=} ;; --kubeconfig=*) kubeconfig=${each#--kubeconfig=} ;; esac; done
member=${name##*-}
echo "$name $KIND_EXPERIMENTAL_DOCKER_NETWORK $$" >> "$S/created"
printf '%s\t%s\trunning\t%s-control-plane\n' "id-$name" "$name" "$name" > "$S/containers/id-$name"
# Ends only when all have begun: creation one by one would never end.
while [ -e "$S/together" ] && [ "$(wc -l < "$S/created")" -lt "$(cat "$S/together")" ]; do
  sleep 0.02; done
if [ -e "$S/fail-$member" ]; then cat "$S/fail-$member" >&2; exit 1; fi
[ -e "$S/hang-$member" ] && sleep 300
cat > "$kubeconfig" <<Y
apiVersion: v1
kind: Config
clusters: [{name: kind-$name, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: kind-$name, user: {token: $name}}]
contexts: [{name: kind-$name, context: {cluster: kind-$name, user: kind-$name}}]
current-context: kind-$name
Y
"""

OTHERS = "id-others\tothers\trunning\tothers-control-plane\n"


class FakeDocker:
    """The folder, and what is in it."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.programs = folder / "bin"
        for name in ("images", "containers", "networks", "labelled"):
            (self.state / name).mkdir(parents=True)
        self.programs.mkdir()
        for name, text in (("docker", DOCKER), ("kind", KIND)):
            path = self.programs / name
            path.write_text(text.replace("@STATE@", str(self.state)))
            path.chmod(0o755)
        self.put("version", '{"Version": "28.2.2", "Os": "linux"}')
        # Somebody else's cluster, on kind's own network.
        (self.state / "containers" / "id-others").write_text(OTHERS)
        (self.state / "networks" / "kind").write_text("\n")

    def path(self, name: str) -> Path:
        """As `binaries.Binaries` does."""
        return self.programs / name

    def put(self, name: str, text: str) -> None:
        """Let something be so, or go wrong."""
        (self.state / name).write_text(text)

    def image(self, name: str, *digests: str) -> None:
        """An image that is there, and by what registries know it."""
        path = self.state / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"id": "sha256:1d", "of": digests}))

    def lines(self, name: str) -> list[str]:
        """What was noted."""
        path = self.state / name
        return path.read_text().splitlines() if path.exists() else []

    @property
    def containers(self) -> set[str]:
        return set(os.listdir(self.state / "containers"))

    @property
    def networks(self) -> set[str]:
        return set(os.listdir(self.state / "networks"))

    @property
    def only_others(self) -> bool:
        """Whether all that is ours is gone and all that is not is there."""
        return self.containers == {"id-others"} and self.networks == {"kind"}
