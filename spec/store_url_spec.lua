local store_url = require "saros.store_url"

describe("saros.store_url", function()
  it("shows a URL without the password in it", function()
    for url, shown in pairs {
      ["postgresql://joe@db/jobs"] = "postgresql://joe@db/jobs",
      ["postgresql://joe:secret@db:5432/jobs"] = "postgresql://joe:***@db:5432/jobs",
      ["postgresql://:secret@db/jobs"] = "postgresql://:***@db/jobs",
      ["postgresql://joe:sec:r@t/@db/jobs"] = "postgresql://joe:***@db/jobs",
      ["postgresql:/joe:secret@db/jobs"] = "postgresql:/joe:***@db/jobs",
      ["postgresql://joe@db/jobs?password=secret&sslmode=require"] =
        "postgresql://joe@db/jobs?password=***&sslmode=require",
      ["postgresql://joe@%2Frun%2Fdb/jobs"] = "postgresql://joe@%2Frun%2Fdb/jobs",
      ["sqlite:/var/lib/jobs.db"] = "sqlite:/var/lib/jobs.db",
    } do
      assert.equal(shown, store_url.shown(url))
    end
  end)

  it("hides the password in what a driver says of it, and parts of one that is taken for something else", function()
    for text, case in pairs {
      ['invalid token: "***"'] = { 'invalid token: "sec%zzret"', "postgresql://joe:sec%zzret@db/jobs" },
      ['invalid parameter "***"'] = { 'invalid parameter "se%cret"', "postgresql://joe@db/jobs?password=se%cret" },
      ['no host "***@db"'] = { 'no host "cret@db"', "postgresql://joe:se@cret@db/jobs" },
      ["connection refused"] = { "connection refused", "postgresql://joe:e@db/jobs" },
    } do
      assert.equal(text, store_url.hide(table.unpack(case)))
    end
  end)
end)
