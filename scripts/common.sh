# Sourced by the other scripts: finds a Python that the pjsua2 wheel exists for, and makes .venv with the
# locked dependencies. Needs Python 3.11 or 3.12 with venv and pip, nothing else.

find_python() {
    if [ "$(uname -s)" = Linux ] && [ "$(uname -m)" != x86_64 ]; then
        echo "This runs on Linux x86_64 (macOS for trying): the pjsua2 wheel exists for no Linux on $(uname -m)." >&2
        exit 1
    fi
    for candidate in python3.12 python3.11 python3 python; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "Python 3.11 or 3.12 with venv is needed (the pjsua2 wheel exists for no other); none was found." >&2
    echo "On Debian or Ubuntu: apt-get install python3 python3-venv" >&2
    exit 1
}

# prepare LOCKFILE: .venv holds exactly what the lock names, and this checkout.
prepare() {
    stamp=".venv/.installed-$(cksum < "$1" | cut -d' ' -f1)"
    [ -e "$stamp" ] && return
    python=$(find_python)
    echo "Setting up .venv with $("$python" --version) (once) ..." >&2
    [ -x .venv/bin/python ] || "$python" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-setup.lock
    .venv/bin/python -m uv pip install --quiet --require-hashes -r "$1"
    .venv/bin/python -m uv pip install --quiet --no-deps --no-build-isolation --editable .
    touch "$stamp"
}
