import Libc

/// Something that gets its name when it is complete, together with others or not at all.
package protocol Output: AnyObject {
  /// The name it gets.
  var path: String { get }
  /// The folder of that name.
  var parent: String { get }
  /// Gives the name.
  ///
  /// - Parameter keepingOld: whether what stood there is kept, so that the name can be taken back.
  /// - Throws: `exists` when the name is taken, `inputOutput` when it cannot be given.
  func name(keepingOld: Bool) throws(CheckpointError)
  /// Takes the name back; what stood there before stands there again.
  func takeBack() throws(CheckpointError)
  /// Removes what was kept; the name stays.
  func settle() throws(CheckpointError)
}

/// Outputs that are complete and on the disk, and get their names together.
package enum OutputSet {
  /// Names all outputs in their order, or none: after a failure what stood before stands again, and the error says what
  /// does not.
  ///
  /// Interruptions are put off until it is done.
  package static func name(_ outputs: [any Output]) throws(CheckpointError) {
    let folders = Set(outputs.map(\.parent))
    try Interruption.putOff { () throws(CheckpointError) in
      let turn = NamingTurn(in: folders)
      defer { withExtendedLifetime(turn) {} }
      try nameAll(outputs)
      try complete(outputs, folders)
    }
  }

  private static func nameAll(_ outputs: [any Output]) throws(CheckpointError) {
    var named: [any Output] = []
    do throws(CheckpointError) {
      for output in outputs {
        // The last needs no way back, so that it can replace an older file in one step that leaves nothing.
        try output.name(keepingOld: named.count + 1 < outputs.count)
        named.append(output)
      }
    } catch {
      var failure = error
      for output in named.reversed() {
        do throws(CheckpointError) {
          try output.takeBack()
        } catch {
          failure.message += "; \(output.path) is new already and could not be taken back: \(error.message)"
        }
      }
      throw failure
    }
  }

  /// Makes the names durable, and then removes what was kept; everything is done before the first failure is told.
  private static func complete(_ outputs: [any Output], _ folders: Set<String>) throws(CheckpointError) {
    var failure: CheckpointError?
    for folder in folders {
      do throws(CheckpointError) { try syncFolder(folder) } catch { failure = failure ?? error }
    }
    for output in outputs {
      do throws(CheckpointError) { try output.settle() } catch { failure = failure ?? error }
    }
    guard var failure else { return }
    failure.message = "the output is complete under its name, but " + failure.message
    throw failure
  }
}
