// The system's C library under one name, whichever it is: who needs it imports this. Swift has no other way to say it once, and a copy of
// these lines in every such file is what it replaces.
#if canImport(Glibc)
  @_exported import Glibc
#elseif canImport(Musl)
  @_exported import Musl
#else
  @_exported import Darwin
#endif
