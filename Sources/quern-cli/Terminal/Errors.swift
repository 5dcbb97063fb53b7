import Base

extension CheckpointError {
  /// The error as one sentence for a reader, with the options that would help.
  var told: TerminalText { "\(sentence(advice: remedy?.advice ?? ""))" }

  /// The exit code: 2 bad input, 64 wrong usage, 74 input/output, 70 our fault.
  var exitCode: Int32 {
    switch code {
    case .malformed, .unsupported, .missing, .mismatch: 2
    case .usage, .exists: 64
    case .inputOutput, .noSpace: 74
    case .fault, .cancelled: 70
    }
  }
}

extension Remedy {
  /// What the options are called that would help, as the rest of a sentence.
  fileprivate var advice: String {
    switch self {
    case .giveImportance: ": quantize takes it as --importance FILE; or choose another type"
    case .allowOverwriting: "; use --overwrite to replace it"
    case .placeVision:
      "; use --overwrite to replace it, --vision-output FILE to write another, or --no-vision to leave it out"
    case .chooseType: " (--vision-type); convert an mmproj by itself with --type"
    case .nameVision: "; name it with --vision"
    case .leaveOut(let name): " (--leave-out PATTERN leaves such out, for example --leave-out '\(name)')"
    case .leaveOutMTP: " (--no-mtp leaves the MTP block out)"
    case .leaveOutVision: " (--no-vision leaves the vision encoder out)"
    case .splitOutput: "; use --split-size"
    case .splitLess: "; use a larger --split-size or raise the limit"
    case .givePlainPrompt: "; use --raw to give the prompt as it is"
    case .shortenContext: "; take a longer text or a smaller --context"
    case .useRecordedText: "; leave --text out to use its own"
    case .giveAsImportance: "; quantize takes it as --importance FILE"
    case .keepTypes: "; --keep-types does without, or calibrate without --importance-only"
    case .allowSmallerTypes:
      "; --candidates k+iq has smaller types, and --no-vision and --no-mtp leave parts of a model out"
    }
  }
}
