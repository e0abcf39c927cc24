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
for file in deploy/kubernetes/*.yaml; do
  [ "$file" = deploy/kubernetes/kustomization.yaml ] || manifests+=("$file")
done
"$place/bin/kubernetes-validate" --strict --no-warn "${manifests[@]}"

# What kustomize puts together names each file that is there, but for the run, which is started by itself.
for file in "${manifests[@]}"; do
  name=$(basename "$file")
  [ "$name" = run.yaml ] || grep -q -- "- $name\$" deploy/kubernetes/kustomization.yaml ||
    { echo "$file is not in kustomization.yaml" >&2; exit 1; }
done
if command -v kubectl >/dev/null 2>&1; then
  kubectl kustomize deploy/kubernetes >/dev/null
fi
