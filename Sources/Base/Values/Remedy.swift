/// What would help against an error: a value, which whoever shows the error puts into the words of its own reader.
package enum Remedy: Sendable, Hashable {
  /// Give importance of columns, or choose another type.
  case giveImportance
  /// Allow existing outputs to be replaced.
  case allowOverwriting
  /// The same; or write the vision encoder to another place, or leave it out.
  case placeVision
  /// Ask for the type of the whole model, which is a vision encoder by itself.
  case chooseType
  /// Name the file that holds the vision encoder.
  case nameVision
  /// Leave out tensors by their names, for example this one.
  case leaveOut(String)
  /// Leave out the block that predicts several tokens.
  case leaveOutMTP
  /// Leave out the vision encoder.
  case leaveOutVision
  /// Split the output into several files.
  case splitOutput
  /// Split the output into fewer, larger files, or raise the limit of open files.
  case splitLess
  /// Give the prompt as it is, without the model's chat format.
  case givePlainPrompt
  /// Compare on a longer text, or in shorter windows.
  case shortenContext
  /// Compare on the text that a recording was made of.
  case useRecordedText
  /// Give the file as importance.
  case giveAsImportance
  /// Keep the types of a recipe, or calibrate with sensitivities.
  case keepTypes
  /// Allow types of fewer bits, or leave parts of the model out.
  case allowSmallerTypes
}
