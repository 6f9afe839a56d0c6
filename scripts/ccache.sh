#!/bin/sh
# CMake's compiler launcher: ccache. A precompiled header that is made again must not find its old self: ccache would hash
# that in place of the headers' text, and hand out what another state of the headers was made into.
for word; do
  case "$word" in *.gch) rm -f "$word" ;; esac
done
exec ccache "$@"
