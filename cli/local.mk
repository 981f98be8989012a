# blixardctl.
