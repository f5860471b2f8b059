"""To be measured: see below."""


def run(port): ...
