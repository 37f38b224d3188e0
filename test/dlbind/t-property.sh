#!/bin/bash
# A million random calls against a plain model; a fixed seed.
. "$(dirname "$0")/dlbind.sh"

expect_output "$GOAUDIT_BUILD/test/dlbind-property" 1000000 20261121 <<'E'
1000000 steps
E
expect_no_files
