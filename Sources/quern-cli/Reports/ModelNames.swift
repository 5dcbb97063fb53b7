import Base
import Evaluation

/// What reports call the models: the whole name once, and short ones in tables and drawings.
struct ModelNames {
  /// As named by the last part of the path, without the ending.
  let before: String
  let after: [String]
  /// The same without what all have in common, for drawings.
  let tags: [String]

  init(_ validation: Validation) {
    before = Self.short(validation.before.name)
    let names = validation.after.map { Self.short($0.model.name) }
    // Two folders may hold files of one name.
    let after = Set(names).count == names.count ? names : validation.after.map(\.model.name)
    self.after = after
    tags = Self.tags(after).map { Self.cut($0, to: 24) }
  }

  static func short(_ path: String) -> String {
    let path = Path(path).trimmed
    let name = Path(Path(path.name).without(".gguf")).without(".safetensors")
    return name.isEmpty ? path.text : name
  }

  /// Names without their common beginning, which ends at a dash, a point or a slash.
  private static func tags(_ names: [String]) -> [String] {
    guard names.count > 1, let first = names.first else { return names }
    var common = first
    for name in names { common = common.commonPrefix(with: name) }
    while let last = common.last, !"-./".contains(last) { common.removeLast() }
    let tags = names.map { String($0.dropFirst(common.count)) }
    return tags.contains("") ? names : tags
  }

  /// A name's beginning and end, where it is longer than there is room for.
  static func cut(_ name: String, to limit: Int) -> String {
    guard name.count > limit else { return name }
    return name.prefix(limit / 2) + "…" + name.suffix(limit - limit / 2 - 1)
  }
}

extension String {
  fileprivate func commonPrefix(with other: String) -> String {
    String(zip(self, other).prefix { $0 == $1 }.map(\.0))
  }
}
