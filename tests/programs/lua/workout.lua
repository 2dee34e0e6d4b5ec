-- Processes out of Lua: pipes both ways, statuses, signals, temporary files. Prints what it saw.
local pipe = assert(io.popen("echo one; echo two; exit 7"))
for line in pipe:lines() do print("read", line) end
print("closed", pipe:close())

local name = os.tmpname()
local sort = assert(io.popen("sort > " .. name, "w"))
for _, word in ipairs { "pear", "apple", "fig" } do sort:write(word, "\n") end
print("closed", sort:close())
for line in io.lines(name) do print("sorted", line) end
assert(os.remove(name))

print("true", os.execute("true"))
print("exit 3", os.execute("exit 3"))
print("killed", os.execute("kill -TERM $$"))
print("shell", os.execute())

local here = assert(io.popen("pwd"))
print("in", here:read("l"))
here:close()
local caught, message = pcall(error, { code = 5 })
print("error", caught, message.code)
