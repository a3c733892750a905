#!/bin/sh
# Regenerate the committed gRPC code; see generate.py.
exec python "$(dirname "$0")/generate.py" "$@"
