# Read by the scripts of ./run, beside which it lies in the machine: what they check with. Each check is a line, and `failed` is 1 where one fails.

failed=0
is() { # WHAT EXPECTED FOUND
    if [ "$2" = "$3" ]; then echo "ok: $1"; else echo "FAILED: $1: expected '$2', found '$3'"; failed=1; fi
}
has() { # WHAT PART TEXT
    case $3 in *"$2"*) echo "ok: $1" ;; *) echo "FAILED: $1: expected '$2' in '$3'"; failed=1 ;; esac
}
# Waits until a command succeeds.
until_so() { for _ in $(seq 200); do "$@" > /dev/null 2>&1 && return; sleep 0.05; done; return 1; }
