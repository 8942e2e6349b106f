"""The only door to GitHub's API. PyGithub objects never leave this package: what comes out are frozen facts."""
