"""The web page in headless Chromium, as a person uses it. Needs Debian's chromium and chromium-driver."""

import os
import shutil
import unittest

import harness
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

HOSTILE = b"<img src=x onerror=document.title='owned'>"


class PageTest(unittest.TestCase):
    def setUp(self):
        self.service = harness.Service()
        self.addCleanup(self.service.close)
        self.service.write("single-1.rdb", harness.rdb([(0, HOSTILE, b"x" * 300), (1, b"list", [b"1", b"2"])]))
        self.service.write("broken.rdb", harness.rdb([(0, b"a", b"x" * 300)])[:-20])
        self.service.start("--config", self.service.config)
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1200,900"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
        self.browser = webdriver.Chrome(options=options, service=driver)
        self.addCleanup(self.browser.quit)

    def until(self, condition):
        return WebDriverWait(self.browser, 20).until(lambda browser: condition())

    def find(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def rows(self, table):
        # In one step: the page replaces its rows.
        return self.browser.execute_script("return [...document.querySelectorAll(`#${arguments[0]} tbody tr`)].map(row => row.innerText)", table)

    def press(self, table, row):
        self.browser.execute_script("document.querySelectorAll(`#${arguments[0]} tbody tr`)[arguments[1]].querySelector('button').click()", table, row)

    def open(self, name):
        rows = self.rows("instances")
        self.press("instances", next(index for index, row in enumerate(rows) if row.startswith(name)))
        self.until(lambda: self.find("#chosen-name")[0].text == name)

    def in_report(self, script):
        """Runs a script in the embedded report."""
        self.browser.switch_to.frame(self.find("#report")[0])
        try:
            return self.browser.execute_script(script)
        finally:
            self.browser.switch_to.default_content()

    def analyse(self, name, done):
        self.open(name)
        self.find("#start")[0].click()
        self.until(lambda: any(done in row for row in self.rows("tasks")))
        self.press("tasks", 0)
        self.until(lambda: self.find("#report")[0].is_displayed())
        self.until(lambda: self.in_report("return document.querySelector('h1') !== null"))

    def assert_quiet(self):
        # What the server refuses on purpose is logged by the browser; anything else is a mistake of the page.
        for entry in self.browser.get_log("browser"):
            if entry["level"] in ("WARNING", "SEVERE"):
                self.assertIn("401", entry["message"], entry)

    def sign_in(self):
        self.browser.get(self.service.url)
        self.until(lambda: "DCS.1003" in self.find("#offline")[0].text)
        self.find("#token")[0].send_keys(harness.TOKEN, "\t")
        self.until(lambda: len(self.rows("instances")) == 6)
        self.assertEqual([self.find(id)[0].text for id in ("#message", "#offline")], ["", ""])

    def test_a_person_starts_an_analysis_and_reads_its_result(self):
        self.sign_in()
        self.analyse("single", "success")
        keys = self.in_report("return [...document.querySelectorAll('#key-table tbody tr')].map(row => row.innerText)")
        self.assertEqual(len(keys), 2)
        self.assertIn(HOSTILE.decode(), keys[0])
        self.assertIn("single-1.rdb", self.in_report("return document.querySelector('h1').innerText"))
        self.assertEqual(self.browser.title, "bigkeys", "names are shown, not run")
        # Its script runs: the list of keys can be searched.
        found = self.in_report("const box = document.getElementById('search'); box.value = 'list'; "
                               "box.dispatchEvent(new Event('input')); return document.getElementById('found').value")
        self.assertEqual(found, "1 of 2")
        self.assertEqual(self.in_report("return ['groups', 'keys', 'totals', 'distributions', 'memory', 'files']"
                                        ".filter(id => !document.getElementById(id))"), [])
        with self.subTest("the report cannot reach the page around it"):
            self.assertEqual(self.in_report("try { return parent.document.title } catch (error) { return error.name }"), "SecurityError")
        # The last result is beside the instance.
        self.until(lambda: any(row.startswith("single") and "\t2\t" in row for row in self.rows("instances")))
        self.assertRegex(self.find("#save-json")[0].get_attribute("download"), r"^bigkeys-.*\.json$")
        if picture := os.environ.get("PAGE_PICTURE"):
            self.browser.save_screenshot(picture)

        self.find("#start")[0].click()
        self.until(lambda: sum("success" in row for row in self.rows("tasks")) == 2)
        self.until(lambda: self.find("#trend figure"))
        self.assertIn("Keys: from 2 to 2", self.find("#trend")[0].text)
        self.assert_quiet()

    def test_a_failed_analysis_has_a_partial_result_and_says_so(self):
        self.sign_in()
        self.analyse(harness.BROKEN, "failed: broken.rdb")
        self.assertTrue(self.find("#result-title")[0].text.startswith("Partial result of a failed analysis"))
        self.assertIn("broken.rdb", self.find("#failure")[0].text)
        self.assertIn("Partial result of a failed analysis", self.in_report("return document.querySelector('header').innerText"))
        self.assert_quiet()

    def test_an_analysis_that_ended_before_it_was_listed_is_beside_its_instance(self):
        self.sign_in()
        self.open("single")
        self.browser.execute_script("""const real = fetch; window.fetch = async (path, options) => {
            if (path.endsWith('/tasks') && options.method === 'GET') await new Promise(done => setTimeout(done, 3000));
            return real(path, options); }""")
        self.find("#start")[0].click()
        self.until(lambda: any("success" in row for row in self.rows("tasks")))
        self.until(lambda: any(row.startswith("single") and "\t2\t" in row for row in self.rows("instances")))
        self.assert_quiet()

    def test_a_failed_refresh_of_the_instances_is_repeated(self):
        self.sign_in()
        self.open("single")
        self.until(lambda: self.find("#instances [aria-current]"))
        self.browser.execute_script("""const real = fetch; let failed = false; window.fetch = async (path, options) => {
            if (path.endsWith('/instances') && !failed) { failed = true; throw new TypeError('the network is gone'); }
            return real(path, options); }""")
        self.find("#start")[0].click()
        self.until(lambda: any(row.startswith("single") and "\t2\t" in row for row in self.rows("instances")))
        self.until(lambda: self.find("#offline")[0].text == "")

    def test_a_late_answer_is_not_shown_under_another_instance(self):
        self.sign_in()
        self.analyse("single", "success")
        # Answers about tasks come late from now on.
        self.browser.execute_script("""const real = fetch; window.fetch = async (path, options) => {
            if (path.includes('/tasks')) await new Promise(done => setTimeout(done, path.includes(arguments[0]) ? 1500 : 100));
            return real(path, options); }""", harness.SINGLE)
        rows = self.rows("instances")
        at = {name: next(i for i, row in enumerate(rows) if row.startswith(name)) for name in ("single", harness.BROKEN)}
        self.browser.execute_script("""const press = row => document.querySelectorAll('#instances tbody tr')[row].querySelector('button').click();
            press(arguments[0]); press(arguments[1]);""", at["single"], at[harness.BROKEN])
        self.until(lambda: self.rows("tasks") == [])
        self.browser.execute_async_script("setTimeout(arguments[0], 2000)")
        self.assertEqual(self.rows("tasks"), [])
        self.assertEqual(self.find("#chosen-name")[0].text, harness.BROKEN)

    def test_the_page_of_a_report_is_for_those_who_may_see_its_instance(self):
        self.sign_in()
        self.analyse("single", "success")
        task = self.service.json("GET", f"/api/v1/instances/{harness.SINGLE}/tasks")[1]["tasks"][0]["id"]
        path = f"/api/v1/tasks/{task}/report.html"
        status, headers, body = self.service.request("GET", path)
        self.assertEqual((status, headers["content-type"]), (200, "text/html; charset=utf-8"))
        self.assertEqual(headers["content-security-policy"], "frame-ancestors 'none'")
        self.assertTrue(body.startswith(b"<!doctype html>"))
        self.assertEqual(self.service.request("GET", path, token=None)[0], 401)

    def test_the_page_can_be_read_on_a_phone(self):
        self.sign_in()
        self.analyse("single", "success")
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 420, "height": 800, "deviceScaleFactor": 1, "mobile": False})
        width, window = self.browser.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
        self.assertEqual(window, 420)
        self.assertLessEqual(width, window, "nothing is wider than the screen")
        # An id that breaks takes two lines of a phone, not one for two characters each.
        lines = self.browser.execute_script("return Math.max(...[...document.querySelectorAll('#instances .note')].map("
                                            "note => note.getBoundingClientRect().height / parseFloat(getComputedStyle(note).lineHeight)))")
        self.assertLessEqual(lines, 2.5)


if __name__ == "__main__":
    unittest.main()
