"""One run: the supervisor starts prepare, agent, check and publish one after another, each a process of its own."""
