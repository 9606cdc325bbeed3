"""The description of the API against what is served, by schemathesis."""

import os
import pathlib
import subprocess
import sys
import unittest

import harness


class OpenapiTest(unittest.TestCase):
    def test_what_is_served_is_what_is_described(self):
        service = harness.Service()
        self.addCleanup(service.close)
        service.write("single-1.rdb", harness.rdb([(0, b"k", b"v")]))
        service.start("--config", service.config)
        tool = pathlib.Path(sys.executable).parent / "schemathesis"
        # Not the check that what fits the description is accepted: ids that fit it need not exist.
        checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,unsupported_method"
        done = subprocess.run(
            [str(tool), "run", f"{service.url}/api/v1/openapi.json", "--header", f"X-Auth-Token: {harness.TOKEN}", "--checks", checks,
             "--max-examples", os.environ.get("SCHEMATHESIS_EXAMPLES", "50"), "--seed", "20261124", "--no-color"],
            cwd=service.path, capture_output=True, text=True, timeout=600,
        )
        self.assertEqual(done.returncode, 0, done.stdout[-20000:] + done.stderr[-2000:])
        self.assertNotIn("panicked", service.read_log())


if __name__ == "__main__":
    unittest.main()
