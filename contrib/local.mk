# Scripts for users.
