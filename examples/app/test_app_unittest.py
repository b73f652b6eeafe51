"""The same suite with the standard library's unittest: no plugin, the script API alone."""

import unittest

import app

from apim_sandbox import Sandbox
from apim_sandbox.testing import as_pod

READER = "API Management Gateway Configuration Reader Role"


class AppTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sandbox = cls.enterClassContext(Sandbox.start())

    def setUp(self):
        self.addCleanup(self.sandbox.restore)
        self.enterContext(as_pod(self.sandbox))

    def test_it_lists_the_gateways_apis(self):
        self.assertEqual(app.apis(), ["echo-api"])

    def test_it_says_which_role_is_missing(self):
        self.sandbox.arm.role_assignments.remove(role=READER, principal="apim-gateway")
        self.sandbox.clock.advance(minutes=10)
        with self.assertRaisesRegex(app.NotAllowedError, "reader role"):
            app.apis()


if __name__ == "__main__":
    unittest.main()
