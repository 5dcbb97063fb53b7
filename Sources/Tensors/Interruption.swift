import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What happens to unfinished outputs when the process is interrupted.
package enum Interruption {
  /// A hidden file that is removed on interruption: the address of its name as a C string, 0 when the place is free.
  ///
  /// Places are added and never taken away, so that a signal handler, which may neither lock nor allocate, can walk them.
  private final class Place: Sendable {
    let name = Atomic<UInt>(0)
    let next: Place?
    init(_ next: Place?) { self.next = next }
  }

  private final class Places: Sendable {
    /// The newest place, unretained; places live as long as the process.
    let head = Atomic<UInt>(0)

    var first: Place? { Self.place(head.load(ordering: .acquiring)) }

    static func place(_ address: UInt) -> Place? {
      UnsafeRawPointer(bitPattern: address).map { Unmanaged<Place>.fromOpaque($0).takeUnretainedValue() }
    }

    func store(_ name: UInt) {
      var place = first
      while let candidate = place {
        if candidate.name.compareExchange(expected: 0, desired: name, ordering: .acquiringAndReleasing).exchanged {
          return
        }
        place = candidate.next
      }
      let new = Place(first)
      new.name.store(name, ordering: .releasing)
      head.store(UInt(bitPattern: Unmanaged.passRetained(new).toOpaque()), ordering: .releasing)
    }

    func clear(_ name: UInt) {
      var place = first
      while let candidate = place {
        if candidate.name.compareExchange(expected: name, desired: 0, ordering: .acquiringAndReleasing).exchanged {
          return
        }
        place = candidate.next
      }
    }

    func removeFiles() {
      var place = first
      while let candidate = place {
        if let name = UnsafePointer<CChar>(bitPattern: candidate.name.load(ordering: .acquiring)) { unlink(name) }
        place = candidate.next
      }
    }
  }

  private static let places = Places()
  private static let names = Mutex<[String: UInt]>([:])
  private static let signals = [SIGINT, SIGTERM, SIGHUP]

  /// Has a file removed when the process is interrupted.
  static func remember(_ path: String) {
    guard let copy = strdup(path) else { return }
    names.withLock { names in
      if names.isEmpty { watch() }
      names[path] = UInt(bitPattern: copy)
      places.store(UInt(bitPattern: copy))
    }
  }

  /// Leaves a file alone from now on.
  static func forget(_ path: String) {
    names.withLock { names in
      guard let address = names.removeValue(forKey: path) else { return }
      places.clear(address)
      free(UnsafeMutableRawPointer(bitPattern: address))
    }
  }

  /// Runs `body` with interruptions put off until it returns: for the moment in which several files get their names.
  package static func putOff<R>(_ body: () throws(CheckpointError) -> R) throws(CheckpointError) -> R {
    var blocked = sigset_t()
    var before = sigset_t()
    sigemptyset(&blocked)
    for number in signals { sigaddset(&blocked, number) }
    pthread_sigmask(SIG_BLOCK, &blocked, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    return try body()
  }

  private static let lostMapping = Atomic<Bool>(false)

  /// Ends the process with one sentence and exit code 74 when a file becomes shorter while it is used where it is mapped.
  ///
  /// The signal arrives in whatever thread touches the missing page, so its handler must belong to no actor; and only what
  /// is safe in a handler may follow: no allocation, no locks.
  package static func reportLostMappings() {
    // A global is made when it is first used, which must not be in the handler.
    lostMapping.store(false, ordering: .relaxed)
    _ = places
    signal(SIGBUS) { _ in
      // Several threads may touch missing pages at once; one of them reports.
      while Interruption.lostMapping.exchange(true, ordering: .acquiringAndReleasing) { pause() }
      Interruption.places.removeFiles()
      let sentence: StaticString = "quern: error: a file became shorter or unreadable while it was in use\n"
      _ = write(STDERR_FILENO, sentence.utf8Start, sentence.utf8CodeUnitCount)
      _exit(74)
    }
  }

  private static func watch() {
    for number in signals {
      // What was ignored, as by nohup, stays ignored.
      let before = signal(number, SIG_IGN)
      guard unsafeBitCast(before, to: UInt.self) == unsafeBitCast(SIG_DFL, to: UInt.self) else {
        signal(number, before)
        continue
      }
      signal(number) { number in
        Interruption.places.removeFiles()
        signal(number, SIG_DFL)
        raise(number)
      }
    }
  }
}
