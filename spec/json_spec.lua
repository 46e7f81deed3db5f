local json = require "saros.json"

describe("saros.json", function()
  it("writes values", function()
    for text, value in pairs {
      ["true"] = true, ["12"] = 12, ["-3"] = -3.0, ["0.1"] = 0.1, ["1795739106.7555425"] = 1795739106.7555425,
      ["9223372036854775807"] = math.maxinteger, ["1e+300"] = 1e300, ['""'] = "",
      ["{}"] = {}, ["[]"] = json.list {}, ['[1,"a",{}]'] = json.list {1, "a", {}}, ['{"a":1,"b":[]}'] =
        {b = json.list {}, a = 1},
    } do
      assert.equal(text, json.encode(value))
    end
    assert.equal("null", json.encode(nil))
    for _, number in ipairs {0 / 0, math.huge, -math.huge} do assert.equal("null", json.encode(number)) end
  end)

  it("writes any string in one line of valid UTF-8", function()
    assert.equal([["a\"\\\n\r\t\u0000\u001f\u007fü/"]], json.encode("a\"\\\n\r\t\0\31\127ü/"))
    assert.equal('"a\u{FFFD}b\u{FFFD}"', json.encode("a\255b\xC3"))
  end)

  it("reads what it writes, and numbers to the last digit", function()
    for _, value in ipairs {0.1, 1795739106.7555425, 1 / 3, 5e-324, 2 ^ 60, 123} do
      local ok, back = json.decode(json.encode(value))
      assert.is_true(ok)
      assert.equal(value, back)
    end
    local text = "a\"\\\n\0\127ü"
    assert.equal(text, select(2, json.decode(json.encode(text))))
  end)

  it("tells what is no JSON", function()
    for _, text in ipairs {"", "{", "nonsense", "{} {}", "[1,]", "NaN", ("["):rep(30) .. ("]"):rep(30)} do
      local ok, message = json.decode(text)
      assert.is_false(ok, text)
      assert.equal("string", type(message))
    end
    local ok, value = json.decode("null")
    assert.is_true(ok)
    assert.is_nil(value)
  end)
end)
