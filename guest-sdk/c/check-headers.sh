#!/bin/sh
# Whether each header can be included alone, by C of 1999, by C with GNU's extensions, and by C++: guest-sdk/c/check-headers.sh
set -eu
cd "$(dirname "$0")/include"
wrong=0
for header in $(find . -name '[!_]*.h' | sort); do
    header=${header#./}
    for language in '-x c -std=c99' '-x c -std=gnu11 -D_GNU_SOURCE' '-x c++ -std=c++17'; do
        case $language in *c++*) compiler=../cowbox-c++ ;; *) compiler=../cowbox-cc ;; esac
        # shellcheck disable=SC2086  # several options
        echo "#include <$header>" | "$compiler" $language -Wall -Wextra -Werror -fsyntax-only - || { echo "$header: $language"; wrong=1; }
    done
done
exit $wrong
