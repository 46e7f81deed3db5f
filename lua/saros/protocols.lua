--- Classes to extend for callback-style network code.
--
--     local Echo = saros.Protocol:extend("Echo")
--     function Echo:connection_made(transport) self.transport = transport end
--     function Echo:data_received(data) self.transport:write(data) end
--
-- Any table serves as a protocol, and may lack methods; these classes say which ones are
-- called, and when. An error in one goes to the loop's exception handler, with `protocol`
-- and `transport` in the context. Mirrors `asyncio.Protocol` and its siblings.
-- @module saros.protocols

local Class = require "saros.class"

local protocols = {}

local function nothing() end

--- What all protocols have. Mirrors `asyncio.BaseProtocol`.
-- @type BaseProtocol
local BaseProtocol = Class.new("BaseProtocol")

--- The connection is there; called once, before everything else.
-- An error here closes the connection.
-- @function BaseProtocol:connection_made
-- @tparam Transport transport what to write to
BaseProtocol.connection_made = nothing

--- The connection is gone; called once, after everything else.
-- @function BaseProtocol:connection_lost
-- @tparam ?any failure the error that ended it; nil if it was closed by either side
BaseProtocol.connection_lost = nothing

--- More than the high water mark is waiting to be sent: writing should stop.
-- @function BaseProtocol:pause_writing
BaseProtocol.pause_writing = nothing

--- What waits to be sent is below the low water mark again.
-- @function BaseProtocol:resume_writing
BaseProtocol.resume_writing = nothing

--- A protocol for streams of bytes. Mirrors `asyncio.Protocol`.
-- @type Protocol
protocols.Protocol = BaseProtocol:extend("Protocol")

--- Some bytes have arrived. How they are cut says nothing about how they were sent.
-- An error here closes the connection.
-- @function Protocol:data_received
-- @tparam string data at least one byte
protocols.Protocol.data_received = nothing

--- The peer will send no more. An error here closes the connection.
-- @function Protocol:eof_received
-- @treturn ?boolean true to keep the direction of writing open; else the transport is closed
protocols.Protocol.eof_received = nothing

--- A protocol for datagrams. Mirrors `asyncio.DatagramProtocol`.
-- @type DatagramProtocol
protocols.DatagramProtocol = BaseProtocol:extend("DatagramProtocol")

--- A datagram has arrived.
-- @function DatagramProtocol:datagram_received
-- @tparam string data its bytes
-- @tparam Address address the sender's
protocols.DatagramProtocol.datagram_received = nothing

--- A datagram sent before, or the socket, has failed; the endpoint stays open.
-- @function DatagramProtocol:error_received
-- @tparam any failure the error
protocols.DatagramProtocol.error_received = nothing

--- A protocol for a child process. Mirrors `asyncio.SubprocessProtocol`.
-- @type SubprocessProtocol
protocols.SubprocessProtocol = BaseProtocol:extend("SubprocessProtocol")

--- The child has written something.
-- @function SubprocessProtocol:pipe_data_received
-- @tparam integer fd which of its descriptors: 1 or 2
-- @tparam string data at least one byte
protocols.SubprocessProtocol.pipe_data_received = nothing

--- A pipe to or from the child is closed.
-- @function SubprocessProtocol:pipe_connection_lost
-- @tparam integer fd which of its descriptors: 0, 1 or 2
-- @tparam ?any failure the error that ended it, or nil
protocols.SubprocessProtocol.pipe_connection_lost = nothing

--- The child has ended.
-- @function SubprocessProtocol:process_exited
protocols.SubprocessProtocol.process_exited = nothing

return protocols
