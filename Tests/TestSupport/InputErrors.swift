import Base

extension CheckpointError {
  /// Whether the error says that the input is bad, which is exit code 2 of the command.
  package var isOfInput: Bool { [.malformed, .unsupported, .missing, .mismatch].contains(code) }
}
