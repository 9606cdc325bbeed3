"""The vendor's own SDK, unchanged, against the service: every operation, every class of error."""

import os
import re
import subprocess
import time
import unittest

import harness
from harness import AK, CLUSTER, FOREIGN, OTHER_PROJECT, PROJECT, PROJECT_TOKEN, READER_AK, READER_SK, SINGLE, SK, TOKEN, instance
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions import exceptions
from huaweicloudsdkcore.region.region import Region
from huaweicloudsdkdcs.v2 import *

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def client(service, ak=AK, sk=SK, project=PROJECT):
    credentials = BasicCredentials(ak, sk, project)
    return DcsClient.new_builder().with_credentials(credentials).with_endpoint(service.url).build()


class SdkTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = harness.Service()
        cls.addClassCleanup(cls.service.close)
        cls.service.write("single-1.rdb", harness.rdb([(0, b"old", b"x")]))
        entries = [(0, b"s%d" % n, b"x" * n) for n in range(1, 31)]
        entries += [(1, b"l%d" % n, [b"item"] * n) for n in range(1, 4)] + [(0, b"\xff\x00key", b"y" * 500)]
        cls.service.write("single-2.rdb", harness.rdb(entries))
        cls.service.write("shard-1.rdb", harness.rdb([(0, b"a", b"x" * 300), (0, b"b", b"x" * 100)]))
        cls.service.write("shard-2.rdb", harness.rdb([(0, b"c", b"x" * 200), (1, b"d", [b"1", b"2"])]))
        cls.service.write("broken.rdb", harness.rdb([(0, b"a", b"x" * 300)])[:-20])
        harness.slow_rdb(cls.service.backups / "slow.rdb", 5_000_000)
        cls.service.start("--config", cls.service.config)
        cls.client = client(cls.service)

    def refused(self, status, code, call, *arguments):
        with self.assertRaises(exceptions.ClientRequestException) as caught:
            call(*arguments)
        self.assertEqual((caught.exception.status_code, caught.exception.error_code), (status, code))
        self.assertTrue(caught.exception.error_msg)
        self.assertTrue(caught.exception.request_id)

    def create(self, instance_id=SINGLE, client=None):
        return (client or self.client).create_bigkey_scan_task(CreateBigkeyScanTaskRequest(instance_id))

    def show(self, task_id, instance_id=SINGLE):
        return self.client.show_bigkey_scan_task_details(ShowBigkeyScanTaskDetailsRequest(instance_id, task_id))

    def delete(self, task_id, instance_id=SINGLE):
        return self.client.delete_bigkey_scan_task(DeleteBigkeyScanTaskRequest(instance_id, task_id))

    def list(self, instance_id=SINGLE, **filters):
        return self.client.list_bigkey_scan_tasks(ListBigkeyScanTasksRequest(instance_id, **filters))

    def finished(self, task_id, instance_id=SINGLE):
        self.service.wait(f"{instance(instance_id)}/bigkey-task/{task_id}")
        return self.show(task_id, instance_id)

    def test_a_task_from_creation_to_deletion(self):
        created = self.create()
        self.assertEqual((created.status, created.scan_type, created.num), ("waiting", "manual", 0))
        self.assertEqual((created.instance_id, created.keys), (SINGLE, None))
        self.assertEqual((created.started_at, created.finished_at), (None, None))
        task = self.finished(created.id)
        self.assertEqual((task.id, task.status, task.num), (created.id, "success", 23))
        for moment in (task.created_at, task.started_at, task.finished_at):
            self.assertRegex(moment, TIME)
        self.assertEqual(task.num, len(task.keys))
        strings = [key for key in task.keys if key.type == "string"]
        self.assertEqual(strings[0].name, "\\xff\0key")
        self.assertEqual([key.size for key in strings], [500] + list(range(30, 11, -1)))
        self.assertEqual({key.unit for key in strings}, {"byte"})
        lists = [key for key in task.keys if key.type == "list"]
        self.assertEqual([(key.name, key.size, key.unit) for key in lists], [("l3", 3, "count"), ("l2", 2, "count"), ("l1", 1, "count")])
        self.assertEqual({(key.db, key.shard) for key in task.keys}, {(0, None)})

        records = self.list(limit=1).records
        self.assertEqual((records[0].id, records[0].status), (created.id, "success"))
        deleted = self.delete(created.id)
        self.assertEqual((deleted.id, deleted.num, len(deleted.keys)), (created.id, 23, 23))
        self.refused(400, "DCS.4942", self.show, created.id)
        self.refused(400, "DCS.4942", self.delete, created.id)

    def test_keys_of_a_cluster_say_their_shard(self):
        task = self.finished(self.create(CLUSTER).id, CLUSTER)
        keys = [(key.name, key.size, key.shard) for key in task.keys]
        self.assertEqual(keys, [("a", 300, "10.0.0.1:6379"), ("c", 200, "10.0.0.2:6380"), ("b", 100, "10.0.0.1:6379"), ("d", 2, "10.0.0.2:6380")])

    def test_pages_and_filters(self):
        for record in self.list(harness.BROKEN).records:
            self.delete(record.id, harness.BROKEN)
        ids = []
        for _ in range(3):
            ids.insert(0, self.finished(self.create(harness.BROKEN).id, harness.BROKEN).id)
        page = self.list(harness.BROKEN, offset=1, limit=1)
        self.assertEqual((page.instance_id, page.count, [record.id for record in page.records]), (harness.BROKEN, 3, ids[1:2]))
        self.assertEqual((self.list(harness.BROKEN, offset=3).records, self.list(harness.BROKEN, offset=3).count), ([], 3))
        self.assertEqual(self.list(harness.BROKEN, status="failed").count, 3)
        self.assertEqual((self.list(harness.BROKEN, status="success").count, self.list(harness.BROKEN, status="success").records), (0, []))
        for name, value in (("limit", 0), ("limit", 1001), ("limit", -1), ("offset", -1), ("offset", "x"), ("status", "done"), ("offset", 10**30)):
            self.refused(400, "DCS.4062", lambda: self.list(harness.BROKEN, **{name: value}))

    def test_a_damaged_backup_fails_its_task_and_the_reason_is_told_natively(self):
        task = self.finished(self.create(harness.BROKEN).id, harness.BROKEN)
        self.assertEqual((task.status, task.num, task.keys), ("failed", 0, None))
        status, info = self.service.json("GET", f"/api/v1/tasks/{task.id}")
        self.assertEqual(status, 200)
        self.assertIn("broken.rdb", info["failure"])
        self.assertNotIn(self.service.directory.name, info["failure"])

    def test_an_instance_without_backup_cannot_be_analysed(self):
        self.refused(400, "DCS.4919", self.create, harness.GONE)

    def test_one_task_at_a_time_and_no_deletion_before_its_end(self):
        created = self.create(harness.SLOW)
        self.refused(400, "DCS.4918", self.create, harness.SLOW)
        self.refused(400, "DCS.4957", self.delete, created.id, harness.SLOW)
        seen = []
        while not seen or seen[-1] not in ("success", "failed"):
            status = self.show(created.id, harness.SLOW).status
            if status not in seen:
                seen.append(status)
        self.assertEqual([status for status in ("waiting", "running", "success") if status in seen], seen)
        self.assertIn("running", seen)

    def test_the_schedule(self):
        show = lambda: self.client.show_bigkey_autoscan_config(ShowBigkeyAutoscanConfigRequest(CLUSTER))
        update = lambda body: self.client.update_bigkey_autoscan_config(UpdateBigkeyAutoscanConfigRequest(CLUSTER, body))
        before = show()
        self.assertEqual((before.instance_id, before.enable_auto_scan, before.schedule_at, before.updated_at), (CLUSTER, False, [], None))
        answer = update(AutoscanConfigRequest(True, ["21:00", "03:30"]))
        self.assertRegex(answer.updated_at, TIME)
        self.assertEqual(show().to_json_object(), answer.to_json_object())
        self.assertEqual((answer.enable_auto_scan, answer.schedule_at), (True, ["21:00", "03:30"]))
        self.assertEqual(update(AutoscanConfigRequest(False, [])).schedule_at, [])
        for body in (AutoscanConfigRequest(True, ["24:00"]), AutoscanConfigRequest(True, ["9:00"]), AutoscanConfigRequest(True, []), AutoscanConfigRequest(True, [7])):
            self.refused(400, "DCS.4062", update, body)

    def test_the_offline_analysis(self):
        nodes = {entry["id"]: entry["nodes"] for entry in self.service.json("GET", "/api/v1/instances")[1]["instances"]}
        node = nodes[CLUSTER][1]
        request = CreateOfflineKeyAnalysisRequest(CLUSTER, CreateOfflineKeyAnalysisRequestBody(node_id=node["node_id"]))
        task_id = self.client.create_offline_key_analysis(request).task_id
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            listed = self.client.list_offline_key_analysis_task(ListOfflineKeyAnalysisTaskRequest(CLUSTER))
            if listed.records[0].status == "success":
                break
            time.sleep(0.02)
        self.assertEqual((listed.total, listed.records[0].id, listed.records[0].status), (1, task_id, "success"))
        task = self.client.show_offline_key_analysis_task(ShowOfflineKeyAnalysisTaskRequest(CLUSTER, task_id))
        self.assertEqual((task.node_id, task.node_ip, task.total_num), (node["node_id"], "10.0.0.2", 2))
        self.assertEqual([(key.key, key.num_of_elem) for key in task.largest_keys], [("c", 200), ("d", 2)])
        self.assertEqual({entry.type: entry.num for entry in task.type_num}, {"string": 1, "list": 1})
        delete = DeleteOfflineKeyAnalysisTaskRequest(CLUSTER, task_id)
        self.assertEqual(self.client.delete_offline_key_analysis_task(delete).task_id, task_id)
        self.refused(400, "DCS.4232", self.client.delete_offline_key_analysis_task, delete)
        bad = CreateOfflineKeyAnalysisRequest(CLUSTER, CreateOfflineKeyAnalysisRequestBody(node_id="none"))
        self.refused(400, "DCS.4062", self.client.create_offline_key_analysis, bad)

    def test_backups_are_listed_and_one_is_analysed(self):
        listed = self.client.list_backup_records(ListBackupRecordsRequest(SINGLE))
        names = [record.backup_name for record in listed.backup_record_response]
        self.assertEqual((listed.total_num, set(names)), (2, {"single-1.rdb", "single-2.rdb"}))
        record = next(record for record in listed.backup_record_response if record.backup_name == "single-1.rdb")
        self.assertEqual((record.status, record.size, record.instance_id), ("succeed", 19, SINGLE))
        self.assertRegex(record.created_at, TIME)
        page = self.client.list_backup_records(ListBackupRecordsRequest(SINGLE, limit=1, offset=1))
        self.assertEqual((page.total_num, [record.backup_name for record in page.backup_record_response]), (2, names[1:]))
        before = self.client.list_backup_records(ListBackupRecordsRequest(SINGLE, end_time="20200101000000"))
        self.assertEqual(before.total_num, 0)
        self.refused(400, "DCS.4062", self.client.list_backup_records, ListBackupRecordsRequest(SINGLE, begin_time="yesterday"))
        nodes = {entry["id"]: entry["nodes"] for entry in self.service.json("GET", "/api/v1/instances")[1]["instances"]}
        body = CreateOfflineKeyAnalysisRequestBody(node_id=nodes[SINGLE][0]["node_id"], backup_id=record.backup_id)
        task_id = self.client.create_offline_key_analysis(CreateOfflineKeyAnalysisRequest(SINGLE, body)).task_id
        self.assertEqual(self.service.wait(f"/api/v1/tasks/{task_id}")["status"], "success")
        task = self.client.show_offline_key_analysis_task(ShowOfflineKeyAnalysisTaskRequest(SINGLE, task_id))
        self.assertEqual((task.backup_id, [key.key for key in task.largest_keys]), (record.backup_id, ["old"]))

    def test_ids(self):
        self.refused(404, "DCS.3022", self.create, harness.UNKNOWN)
        self.refused(404, "DCS.3022", self.create, harness.FOREIGN)
        self.refused(400, "DCS.4061", self.create, "nonsense")
        self.refused(400, "DCS.4070", self.show, "nonsense")
        self.refused(400, "DCS.4942", self.show, harness.UNKNOWN)
        without = client(self.service, project="{project_id}")
        self.refused(400, "DCS.4002", self.create, SINGLE, without)
        other_form = self.client.list_bigkey_scan_tasks(ListBigkeyScanTasksRequest(SINGLE.replace("-", "").upper()))
        self.assertEqual(other_form.instance_id, SINGLE)

    def test_who_may_what(self):
        self.refused(401, "APIG.0301", self.create, SINGLE, client(self.service, sk="wrong"))
        self.refused(401, "APIG.0301", self.create, SINGLE, client(self.service, ak="UNKNOWN"))
        self.refused(401, "DCS.1004", self.create, SINGLE, client(self.service, project=OTHER_PROJECT))
        reader = client(self.service, READER_AK, READER_SK)
        self.assertEqual(reader.list_bigkey_scan_tasks(ListBigkeyScanTasksRequest(SINGLE)).instance_id, SINGLE)
        self.refused(403, "DCS.3002", self.create, SINGLE, reader)
        self.refused(401, "DCS.1004", self.create, SINGLE, client(self.service, READER_AK, READER_SK, OTHER_PROJECT))

    def test_a_region_and_a_hundred_percent_encoded_characters(self):
        region = Region("local", self.service.url)
        regional = DcsClient.new_builder().with_credentials(BasicCredentials(AK, SK, PROJECT)).with_region(region).build()
        self.assertEqual(self.list().instance_id, regional.list_bigkey_scan_tasks(ListBigkeyScanTasksRequest(SINGLE)).instance_id)
        # Signed correctly, refused for what it is.
        self.refused(400, "DCS.4061", self.create, "a b!~c*'()")
        self.refused(400, "DCS.4062", lambda: self.list(status="a b+c&d=é%"))

    def test_the_answer_equals_what_a_real_server_says(self):
        port = harness.free_port()
        server = subprocess.Popen(
            [os.environ["BIGKEYS_REDIS_SERVER"], "--port", str(port), "--bind", "127.0.0.1", "--dir", self.service.backups,
             "--dbfilename", "single-9.rdb", "--save", "", "--appendonly", "no"],
            stdout=subprocess.DEVNULL,
        )
        self.addCleanup(lambda: (server.kill(), server.wait()))
        call = lambda *words: subprocess.run(["redis-cli", "-p", str(port), *words], check=True, capture_output=True, text=True).stdout.strip()
        for _ in range(100):
            if subprocess.run(["redis-cli", "-p", str(port), "ping"], capture_output=True).stdout == b"PONG\n":
                break
            time.sleep(0.05)
        for n in range(1, 26):
            call("set", f"string:{n}", "v" * n * 100)
        for n in (3, 700):
            for command, name in (("rpush", "list"), ("sadd", "set")):
                call(command, f"{name}:{n}", *(f"member {i}" for i in range(n)))
            call("hset", f"hash:{n}", *(word for i in range(n) for word in (f"f{i}", "v")))
            call("zadd", f"zset:{n}", *(word for i in range(n) for word in (str(i), f"m{i}")))
        call("xadd", "stream", "*", "field", "value")
        call("-n", "3", "set", "elsewhere", "z" * 5000)
        call("save")
        task = self.finished(self.create().id)
        self.assertEqual(task.status, "success")
        found = {(key.db, key.type, key.name): key.size for key in task.keys}
        sizes = {"string": "strlen", "list": "llen", "set": "scard", "zset": "zcard", "hash": "hlen"}
        for (db, kind, name), size in found.items():
            self.assertEqual(int(call("-n", str(db), sizes[kind], name)), size, name)
        self.assertEqual(len(found), 20 + 4 * 2)
        self.assertIn((3, "string", "elsewhere"), found)
        (self.service.backups / "single-9.rdb").unlink()

    def test_a_token_is_as_good_as_a_signature_and_a_wrong_one_is_not(self):
        path = f"{instance(SINGLE)}/bigkey-tasks"
        self.assertEqual(self.service.json("GET", path)[0], 200)
        self.assertEqual(self.service.json("GET", path, token=None, headers={"Authorization": f"Bearer {TOKEN}"})[0], 200)
        self.assertEqual(self.service.error("GET", path, token="wrong"), (401, "DCS.1001"))
        self.assertEqual(self.service.error("GET", path, token="old"), (401, "DCS.1002"))
        self.assertEqual(self.service.error("GET", path, token=None), (401, "DCS.1003"))
        for scheme in ("SDK-HMAC-SM3 Access=a, SignedHeaders=b, Signature=c", "V11-HMAC-SHA256 Credential=a", "SDK-HMAC-SHA256 junk"):
            self.assertEqual(self.service.error("GET", path, token=None, headers={"Authorization": scheme}), (401, "APIG.0301"))

    def test_malformed_requests(self):
        base = instance(SINGLE)
        error = self.service.error
        for path in ("/v2", "/v2/", f"{base}/bigkey-task/", f"{base}/bigkey-tasks/", f"{base}/nothing", "/v1.0/x", "/%ff/%00", f"{base}/bigkey-task/%ff", "/api/v1/nothing"):
            self.assertEqual(error("GET", path), (404, "DCS.4001"), path)
        for method, path in (("PUT", "bigkey-task"), ("GET", "bigkey-task"), ("POST", "bigkey-tasks"), ("DELETE", "bigkey/autoscan"), ("PATCH", "bigkey/autoscan"), ("BREW", "bigkey-tasks")):
            self.assertEqual(error(method, f"{base}/{path}"), (405, "DCS.5001"), method)
        # URL, then method, then who asks.
        self.assertEqual(error("GET", f"{base}/nothing", token=None), (404, "DCS.4001"))
        self.assertEqual(error("PUT", f"{base}/bigkey-task", token=None), (405, "DCS.5001"))
        self.assertEqual(error("GET", "/v2/x/instances/y/bigkey-tasks", token=None), (401, "DCS.1003"))
        self.assertEqual(error("GET", "/v2/x/instances/y/bigkey-tasks?limit=0"), (400, "DCS.4002"))
        self.assertEqual(error("GET", f"/v2/{PROJECT}/instances/y/bigkey-tasks?limit=0"), (400, "DCS.4061"))
        self.assertEqual(error("GET", f"{instance(harness.UNKNOWN)}/bigkey-tasks?limit=0"), (404, "DCS.3022"))
        autoscan = f"{base}/bigkey/autoscan"
        for body, code in (
            (b"", "DCS.4004"), (b"  ", "DCS.4004"), (b"{", "DCS.4005"), (b"\xff", "DCS.4005"), (b"[" * 100_0, "DCS.4005"),
            (b"{}", "DCS.4062"), (b'{"enable_auto_scan": "true", "schedule_at": []}', "DCS.4062"),
            (b'{"enable_auto_scan": true}', "DCS.4062"), (b'{"enable_auto_scan": true, "schedule_at": "21:00"}', "DCS.4062"),
            (b'{"enable_auto_scan": true, "schedule_at": [null]}', "DCS.4062"),
        ):
            self.assertEqual(error("PUT", autoscan, body=body), (400, code), body[:50])
        self.assertEqual(error("PUT", autoscan, body=b"x" * 100_000), (413, "APIG.0201"))
        for query in ("limit=", "limit=1.5", "limit=%31%00", "limit=1&limit=2", "offset=+1", "offset=99999999999999999999", "status=", "status=Success"):
            self.assertEqual(error("GET", f"{base}/bigkey-tasks?{query}"), (400, "DCS.4062"), query)
        self.assertEqual(self.service.json("GET", f"{base}/bigkey-tasks?other=1&limit=%31%30")[0], 200)
        self.assertEqual(error("POST", f"{base}/bigkey-task", body=b"{"), (400, "DCS.4005"))

    def test_request_ids_come_back_where_they_are_harmless(self):
        given = lambda value: self.service.request("GET", "/v2", headers={"X-Request-Id": value})[1]["X-Request-Id"]
        self.assertEqual(given("abc-123_X"), "abc-123_X")
        self.assertNotEqual(given("a b"), "a b")
        self.assertNotEqual(given("x" * 65), "x" * 65)

    def test_an_instance_is_there(self):
        status, body = self.service.json("GET", instance(CLUSTER))
        self.assertEqual((status, body["instance_id"], body["status"], body["cache_mode"]), (200, CLUSTER, "RUNNING", "cluster"))

    def test_the_native_api(self):
        task = self.finished(self.create(CLUSTER).id, CLUSTER)
        status, report = self.service.json("GET", f"/api/v1/tasks/{task.id}/report")
        self.assertEqual((status, report["totals"]["keys"], report["sources"][0]["path"]), (200, 4, "shard-1.rdb"))
        tasks = self.service.json("GET", f"/api/v1/instances/{CLUSTER}/tasks")[1]["tasks"]
        self.assertIn(task.id, [entry["id"] for entry in tasks])
        summary = next(entry["summary"] for entry in tasks if entry["id"] == task.id)
        self.assertEqual((summary["keys"], summary["rdb_bytes"]), (4, report["totals"]["rdb_bytes"]))
        status, headers, page = self.service.request("GET", f"/api/v1/tasks/{task.id}/report.html")
        self.assertEqual((status, headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        for part in (b'id="shards"', b'id="slots"', b'id="distributions"'):
            self.assertIn(part, page)
        # FOREIGN is of another project, but this token may use all.
        self.assertEqual(len(self.service.json("GET", "/api/v1/instances")[1]["instances"]), 6)
        self.assertEqual(self.service.request("GET", "/api/v1/health", token=None)[2], b"ok\n")
        self.assertEqual(self.service.request("GET", "/api/v1/ready", token=None)[2], b"ready\n")
        self.assertEqual(self.service.error("GET", "/metrics", token=None), (401, "DCS.1003"))
        self.assertIn(b"bigkeys_scans_succeeded_total", self.service.request("GET", "/metrics")[2])
        paths = self.service.json("GET", "/api/v1/openapi.json", token=None)[1]["paths"]
        self.assertEqual(len(paths), 18)

    def test_metrics_have_what_the_last_analysis_of_each_instance_found(self):
        self.finished(self.create(CLUSTER).id, CLUSTER)
        task = self.service.json("POST", f"/api/v1/instances/{FOREIGN}/tasks")[1]["id"]
        self.service.wait(f"/api/v1/tasks/{task}")
        metrics = self.service.request("GET", "/metrics")[2].decode()
        series = f'bigkeys_instance_keys{{instance_id="{CLUSTER}",type='
        lines = [line for line in metrics.splitlines() if line.startswith(series)]
        self.assertEqual(lines, [f'{series}"string"}} 3', f'{series}"list"}} 1'])
        self.assertIn(f'bigkeys_instance_source_keys{{instance_id="{CLUSTER}",path="shard-1.rdb"', metrics)
        self.assertIn(f'bigkeys_instance_largest_string_bytes{{instance_id="{CLUSTER}"}} 300', metrics)
        self.assertIn(f'bigkeys_instance_keys{{instance_id="{FOREIGN}"', metrics)
        limited = self.service.request("GET", "/metrics", token=PROJECT_TOKEN)[2].decode()
        self.assertIn(CLUSTER, limited)
        self.assertNotIn(FOREIGN, limited)

    def test_secrets_are_not_logged(self):
        self.list()
        self.service.json("GET", f"{instance(SINGLE)}/bigkey-tasks")
        log = self.service.read_log()
        self.assertIn("bigkey-tasks", log)
        for secret in (SK, READER_SK, TOKEN, "Signature="):
            self.assertNotIn(secret, log)


if __name__ == "__main__":
    unittest.main()
