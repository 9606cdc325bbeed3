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

    def test_a_person_starts_an_analysis_and_reads_its_result(self):
        self.browser.get(self.service.url)
        self.until(lambda: "DCS.1003" in self.find("#message")[0].text)
        self.find("#token")[0].send_keys(harness.TOKEN, "\t")
        self.until(lambda: len(self.rows("instances")) == 6)
        self.assertEqual(self.find("#message")[0].text, "")
        self.open("single")
        self.find("#start")[0].click()
        self.until(lambda: any("success" in row for row in self.rows("tasks")))
        self.press("tasks", 0)
        self.until(lambda: len(self.rows("keys")) == 2)
        self.assertIn(HOSTILE.decode(), self.rows("keys")[0])
        self.assertIn("2 keys, 3 elements", self.find("#totals")[0].text)
        self.assertEqual(self.browser.title, "bigkeys", "names are shown, not run")
        if picture := os.environ.get("PAGE_PICTURE"):
            self.browser.save_screenshot(picture)

        self.open(harness.BROKEN)
        self.find("#start")[0].click()
        self.until(lambda: any("failed: broken.rdb" in row for row in self.rows("tasks")))
        # What the server refuses on purpose is logged by the browser; anything else is a mistake of the page.
        for entry in self.browser.get_log("browser"):
            if entry["level"] in ("WARNING", "SEVERE"):
                self.assertIn("401", entry["message"], entry)


if __name__ == "__main__":
    unittest.main()
