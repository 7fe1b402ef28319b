#!/bin/sh
# Makes .venv with everything pinned in requirements/dev.txt. Silent on stdout; progress on stderr.
# Needs only a Python 3.11 to 3.14 with the venv module. PYTHON=... chooses one.
# `venv.sh train` adds what trains language models, from requirements/train.txt, to one that is there,
# and to the home .freehold the transformer that classifiers may read by.
set -eu
cd "$(dirname "$0")/.."
exec 1>&2

fits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null
}

choose() {
    if [ -n "${PYTHON:-}" ]; then
        if fits "$PYTHON"; then
            echo "$PYTHON"
            return 0
        fi
        echo "freehold: PYTHON=$PYTHON is not a Python 3.11 to 3.14" >&2
        return 1
    fi
    for candidate in python3 python3.13 python3.12 python3.14 python3.11 python; do
        if fits "$candidate"; then
            echo "$candidate"
            return 0
        fi
    done
    echo "freehold: no Python 3.11 to 3.14 found on the PATH." >&2
    echo "freehold: install one (Debian: apt install python3 python3-venv; macOS: brew install python)" >&2
    echo "freehold: or name it: make venv PYTHON=/path/to/python3" >&2
    return 1
}

pip() { .venv/bin/python -m pip --disable-pip-version-check --no-input "$@"; }

if [ "${1:-}" = train ]; then
    echo "freehold: installing torch and what trains with it (a few minutes, once)"
    # Which build of torch fits a machine nobody else can know, so no hash can be pinned: one that is
    # there already, of whatever build, stays.
    if ! .venv/bin/python -c 'import torch' 2>/dev/null && ! pip install -qq --no-deps torch==2.13.0; then
        echo "freehold: no torch for this machine: the tests that train language models are skipped"
        exit 0
    fi
    pip install -qq --require-hashes --no-deps --requirement requirements/train.txt
    if [ ! -e .freehold/features/minilm/encoder.onnx ]; then
        echo "freehold: fetching MiniLM's weights for \`features: minilm\` (80 MB, once)"
        # What was not to be had is asked for again only when the requirements change, or by hand.
        .venv/bin/python scripts/make_minilm.py >/dev/null \
            || echo "freehold: no MiniLM: its test is skipped; scripts/make_minilm.py tries again"
    fi
    touch .venv/.train
    exit 0
fi

# An environment that was never finished, that an upgrade of Python broke, or whose Python is out of
# range, goes.
if [ -e .venv ] && ! { fits .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1; }; then
    rm -rf .venv
fi
if [ ! -e .venv ]; then
    python=$(choose)
    echo "freehold: making .venv with $("$python" --version)"
    if ! "$python" -m venv .venv; then
        rm -rf .venv
        echo "freehold: $python cannot make environments (Debian: apt install python3-venv)" >&2
        exit 1
    fi
fi
if [ -e .venv/.stamp ]; then
    echo "freehold: bringing .venv up to date"
else
    echo "freehold: installing the pinned requirements (a minute or two)"
fi
pip install -qq --require-hashes --requirement requirements/dev.txt
pip install -qq --no-deps --no-build-isolation --no-index --editable .
touch .venv/.stamp
