#!/bin/bash
# Every benchmark once, small: it runs, and what it measures gives the reference's result. TAP.
exec "${BLIXARD_BUILD:?}/tests/bench/bench" --smoke
