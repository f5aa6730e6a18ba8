#!/bin/bash
# Kubernetes' API server and controller manager, from Debian's own source package and with Debian's Go: nothing comes from anywhere else, and nothing is installed.
# Some ten minutes on two cores; afterwards they lie in the directory given (or the cache) and this does nothing.
#   usage: build.sh [DIRECTORY]      wants: apt-get, golang-go (1.19), some 4 GB of disk while it builds
set -euo pipefail
version=1.20.2
package='1.20.5+really1.20.2-1.1+deb12u1'          # bookworm's name for it
cache=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/sluice/kubernetes-$version}
if [ -x "$cache/kube-apiserver" ] && [ -x "$cache/kube-controller-manager" ]; then
  echo "$cache"
  exit 0
fi
command -v go >/dev/null || { echo 'no go: apt-get install -y golang-go' >&2; exit 1; }
mkdir -p "$cache"
work=$(mktemp -d "$cache/build.XXXXXX")
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT

# Lists of its own, so that the machine's are left as they are, and no root is needed. apt checks the signature of the list and the hashes in it.
mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/src/k8s.io"
site=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Codename: bookworm' 'Component: main' | head -n 1)       # the mirror this machine uses
[ -n "$site" ] || { echo 'no list of Debian bookworm here: apt-get update on a machine that has it' >&2; exit 1; }
for kind in deb deb-src; do echo "$kind [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site bookworm main"; done > "$work/sources.list"
apt=(-q -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work" -o "Dir::Cache::Archives=$work/archives" -o APT::Sandbox::User=)
(cd "$work" && apt-get "${apt[@]}" update && apt-get "${apt[@]}" source --download-only "kubernetes=$package" && apt-get "${apt[@]}" download golang-github-modern-go-reflect2-dev) >&2
tar -xzf "$work"/kubernetes_*.orig.tar.gz -C "$work/src/k8s.io"
root=$(echo "$work"/src/k8s.io/*)
[ "$root" = "$work/src/k8s.io/kubernetes" ] || mv "$root" "$work/src/k8s.io/kubernetes"
cd "$work/src/k8s.io/kubernetes"

# This release is older than the modules it would be read as: from GOPATH, with the dependencies that came with it.
export GOPATH=$work GO111MODULE=off GOFLAGS= CGO_ENABLED=0
# The types' OpenAPI is the one generated file that the package leaves out (only kubectl is built from it, which needs none).
nice go build -o "$work/openapi-gen" k8s.io/kubernetes/vendor/k8s.io/kube-openapi/cmd/openapi-gen >&2
types=$(grep -rl --include='*.go' --exclude='*_test.go' '+k8s:openapi-gen=' vendor/k8s.io/*/ pkg cmd plugin | grep -vE '^vendor/k8s.io/(code-generator|sample-apiserver|kube-openapi)/' | xargs -n1 dirname | sort -u | sed 's,^,k8s.io/kubernetes/,' | paste -sd,)
nice "$work/openapi-gen" --logtostderr -i "$types" -p k8s.io/kubernetes/pkg/generated/openapi -O zz_generated.openapi -h vendor/k8s.io/code-generator/hack/boilerplate.go.txt -r "$work/violations" >&2
# The one that came with it reads maps as Go did before 1.18, and the server dies of it. Debian's is newer.
dpkg-deb -x "$work"/golang-github-modern-go-reflect2-dev_*.deb "$work/deb"
rm -r vendor/github.com/modern-go/reflect2
cp -r "$work/deb/usr/share/gocode/src/github.com/modern-go/reflect2" vendor/github.com/modern-go/reflect2
# What `/version` says, which a git checkout would fill in.
sed -i -E "s/v0\.0\.0-master\+[0-9a-f]*/v$version/; s/gitMajor +string( = \"\")?/gitMajor = \"1\"/; s/gitMinor +string( = \"\")?/gitMinor = \"20\"/" staging/src/k8s.io/{component-base,client-go/pkg}/version/base.go
for one in kube-controller-manager kube-apiserver; do
  nice go build -ldflags '-s -w' -o "$work/$one" "k8s.io/kubernetes/cmd/$one" >&2
done
mv "$work/kube-controller-manager" "$work/kube-apiserver" "$cache/"
echo "$cache"
