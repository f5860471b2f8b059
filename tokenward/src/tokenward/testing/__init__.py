"""The test kit: an issuer in your own tests, so that real verification runs in them and nothing is stubbed."""

from tokenward.testing.clock import FakeClock
from tokenward.testing.feed import Feed
from tokenward.testing.holder import Holder
from tokenward.testing.issuer import Answer, Issuer
from tokenward.testing.keys import ABSENT, SigningKey

__all__ = ["ABSENT", "Answer", "FakeClock", "Feed", "Holder", "Issuer", "SigningKey"]
