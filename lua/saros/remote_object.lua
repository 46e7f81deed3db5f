--- The object of `saros.remote`, in the thread that has it: `object`, once it is made.
-- @module saros.remote_object
-- @local

return {}
