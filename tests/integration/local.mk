# Integration tests: real daemons, real files.
