import Synchronization
import Libc

/// What happens to unfinished outputs when the process is interrupted.
///
/// It installs no handler: a program that is to leave nothing behind has one that calls ``mayEnd(by:)``.
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

  /// Has a file removed when the process is interrupted.
  static func remember(_ path: String) {
    guard let copy = strdup(path) else { return }
    names.withLock { names in
      names[path] = UInt(bitPattern: copy)
      places.store(UInt(bitPattern: copy))
    }
  }

  /// Leaves a file alone from now on.
  static func forget(_ path: String) {
    names.withLock { names in
      guard let address = names.removeValue(forKey: path) else { return }
      // The name itself stays: a handler on another thread may be reading it.
      places.clear(address)
    }
  }

  /// How many bodies run for which interruptions wait, the signal that came meanwhile, and whether one is being handled.
  private static let putOffs = Atomic<Int>(0)
  private static let pending = Atomic<Int32>(0)
  private static let isEnding = Atomic<Bool>(false)

  /// Runs `body` with interruptions put off until it returns, whichever thread they reach: for the moment in which several
  /// files get their names.
  package static func putOff<R>(_ body: () throws(CheckpointError) -> R) throws(CheckpointError) -> R {
    putOffs.wrappingAdd(1, ordering: .sequentiallyConsistent)
    defer {
      if putOffs.wrappingSubtract(1, ordering: .sequentiallyConsistent).newValue == 0 {
        let number = pending.exchange(0, ordering: .sequentiallyConsistent)
        if number != 0 { raise(number) }
      }
    }
    // A handler on another thread may have removed all files already; nothing is made after that.
    while isEnding.load(ordering: .sequentiallyConsistent) { usleep(1_000) }
    return try body()
  }

  /// Removes all unfinished outputs, for a program that ends where it stands, whatever the thread; neither locks nor allocates.
  package static let removeFiles: @convention(c) () -> Void = { places.removeFiles() }

  /// Makes everything that a handler touches: globals are made when they are first used, which must not be there.
  package static func prepare() {
    _ = places
    pending.store(0, ordering: .relaxed)
    isEnding.store(false, ordering: .relaxed)
    _ = putOffs.load(ordering: .relaxed)
  }

  /// For the handler of a signal that ends the process: removes all unfinished outputs and says that it may end, or has the
  /// signal raised again when it may.
  package static func mayEnd(by number: Int32) -> Bool {
    // Said first and asked then, as `putOff` does the other way round: one of the two sees the other.
    pending.store(number, ordering: .sequentiallyConsistent)
    isEnding.store(true, ordering: .sequentiallyConsistent)
    guard putOffs.load(ordering: .sequentiallyConsistent) == 0 else {
      isEnding.store(false, ordering: .sequentiallyConsistent)
      return false
    }
    places.removeFiles()
    return true
  }
}
