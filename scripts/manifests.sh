#!/usr/bin/env bash
# Whether the manifests of deploy/kubernetes are valid: bash scripts/manifests.sh
# By kubernetes-validate of PyPI, in target/tools/python, which has the schemas of Kubernetes and asks nobody,
# and by kubectl where that is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

validator=kubernetes-validate==1.37.0
place=target/tools/python
if [ ! -x "$place/bin/kubernetes-validate" ]; then
  python3 -m venv "$place" >&2 && "$place/bin/pip" install -q --disable-pip-version-check "$validator" >&2 || {
    echo "not validated: python3 with venv, and $validator of PyPI, are needed" >&2
    [ -z "${LOADGATE_TEST_ALL:-}" ] || exit 1
    exit 0
  }
fi

manifests=()
for file in deploy/kubernetes/*.yaml deploy/kubernetes/run/*.yaml; do
  [ "$(basename "$file")" = kustomization.yaml ] || manifests+=("$file")
done
"$place/bin/kubernetes-validate" --strict --no-warn "${manifests[@]}"

# What kustomize puts together names each file that is there.
for file in "${manifests[@]}"; do
  grep -q -- "- $(basename "$file")\$" "$(dirname "$file")/kustomization.yaml" ||
    { echo "$file is not in its kustomization.yaml" >&2; exit 1; }
done

# One place says which image agents and runs have: no other names a version of it.
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
grep -q "newTag: \"$version\"" deploy/kubernetes/image/kustomization.yaml ||
  { echo "deploy/kubernetes/image is not of version $version" >&2; exit 1; }
if command -v kubectl >/dev/null 2>&1; then
  for folder in deploy/kubernetes deploy/kubernetes/run; do
    put=$(kubectl kustomize "$folder")
    ! grep "image: .*loadgate" <<<"$put" | grep -qv ":$version\$" ||
      { echo "$folder has an image of loadgate that is not of version $version" >&2; exit 1; }
  done
fi
