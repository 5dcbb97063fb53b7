import Base

/// One kind of input that strangers send, and everything that is done with it.
///
/// `make fuzz` runs every target under libFuzzer; `make test` runs every one over its seeds and over the inputs that once
/// failed, in `fixtures/fuzz/NAME/`. `docs/fuzzing.md` says how to add one.
package struct FuzzTarget: Sendable {
  /// Uses one input; throws `FuzzFault` when a promise is broken, which a refusal is not.
  package typealias Body = (_ input: [UInt8]) throws -> Void

  /// The name, also of the folder of its inputs.
  package let name: String
  /// The longest input that is tried.
  package let longest: Int
  /// Words of the format that chance would not find.
  package let words: [String]
  /// Good and bad inputs to begin with.
  package let seeds: @Sendable () throws -> [[UInt8]]
  /// Makes what all inputs need, once.
  package let prepare: @Sendable () throws -> Body

  /// Inputs that once failed: `fixtures/fuzz/NAME/`.
  package func regressions() throws -> [[UInt8]] { try Seeds.fixtures("fuzz/" + name) }
}

/// The list a new target is added to.
package enum FuzzTargets {
  /// Every target.
  package static let all: [FuzzTarget] = [
    gguf, safetensors, index, config, tokenizer, tokenizerConfig, preprocessor, chatTemplate, imatrix, recipe, pattern,
    json, png, jpeg, baseline,
  ]
}

/// A promise that an input made the program break.
package struct FuzzFault: Error, CustomStringConvertible {
  package let description: String

  init(_ description: String) { self.description = description }
}

/// Runs a step that may refuse its input.
///
/// - Throws: `FuzzFault` when the refusal is none: a fault of the program, trouble with a disk that has none, no sentence.
func attempt(_ step: () throws -> Void) throws {
  do {
    try step()
  } catch let error as CheckpointError {
    guard ![.fault, .inputOutput, .noSpace].contains(error.code), !error.message.isEmpty else {
      throw FuzzFault("no refusal but a fault: \(error)")
    }
  }
}

/// Holds a promise.
func promise(_ isKept: Bool, _ words: @autoclosure () -> String) throws {
  guard isKept else { throw FuzzFault(words()) }
}
