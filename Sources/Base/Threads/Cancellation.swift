/// Whether work that takes long is still wanted: asked between pieces of work, on whichever thread does them.
///
/// Work that is cancelled throws `cancelled` and leaves nothing behind, as with any other error.
package struct Cancellation: Sendable {
  private let isCancelled: @Sendable () -> Bool

  package init(_ isCancelled: @escaping @Sendable () -> Bool) { self.isCancelled = isCancelled }

  /// What the present call was given; threads that are started for it have it from their starter.
  @TaskLocal static var current: Cancellation?

  /// Runs `body`, whose work asks this from time to time.
  package func watch<R>(_ body: () throws(CheckpointError) -> R) throws(CheckpointError) -> R {
    try Self.$current.withValue(self) { Result { () throws(CheckpointError) in try body() } }.get()
  }

  /// Refuses to go on with what is not wanted any more.
  ///
  /// - Throws: `cancelled`.
  package static func check() throws(CheckpointError) {
    if Task.isCancelled || current?.isCancelled() == true { throw CheckpointError(.cancelled, "cancelled as asked") }
  }
}
