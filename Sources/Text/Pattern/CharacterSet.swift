/// The characters one step of a pattern accepts.
struct CharacterSet: Sendable, Equatable {
  /// A part of a set.
  indirect enum Item: Sendable, Equatable {
    case range(ClosedRange<UInt32>)
    case property(Property, isNegated: Bool)
    case set(CharacterSet)
  }

  /// A property of characters that patterns name.
  enum Property: Sendable, Equatable {
    /// From the tables: exactly what the reference regular expressions accept.
    case table(CharacterClass)
    /// General categories by their short names, for example `Lu`, from the standard library.
    case category(String)
    /// `\w`: letters, marks, decimal digits and connectors.
    case word
  }

  var items: [Item] = []
  var isNegated = false
  var ignoresCase = false

  /// Whether a character is in the set.
  func contains(_ point: UInt32) -> Bool {
    var found = holds(point)
    if !found, ignoresCase { found = Self.caseVariants(point).contains { holds($0) } }
    return found != isNegated
  }

  private func holds(_ point: UInt32) -> Bool {
    items.contains { item in
      switch item {
      case .range(let range): range.contains(point)
      case .property(let property, let isNegated): property.holds(point) != isNegated
      case .set(let set): set.contains(point)
      }
    }
  }

  /// The characters that simple case folding makes equal to this one.
  static func caseVariants(_ point: UInt32) -> [UInt32] {
    guard let scalar = Unicode.Scalar(point) else { return [] }
    var variants: [UInt32] = []
    for text in [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping] {
      if let only = text.unicodeScalars.first, text.unicodeScalars.count == 1, only.value != point {
        variants.append(only.value)
      }
    }
    switch point {
    case 0x17F: variants.append(0x73)  // long s
    case 0x53, 0x73: variants.append(0x17F)
    case 0x4B, 0x6B: variants.append(0x212A)  // Kelvin sign
    case 0xC5, 0xE5: variants.append(0x212B)  // Angstrom sign
    default: break
    }
    return variants
  }
}

extension CharacterSet.Property {
  func holds(_ point: UInt32) -> Bool {
    switch self {
    case .table(let kind): return !CharacterClasses.shared[point].isDisjoint(with: kind)
    case .category(let name):
      guard let scalar = Unicode.Scalar(point) else { return false }
      var own = Self.name(of: scalar.properties.generalCategory)
      // Letters, marks and numbers newer than the tables are unassigned to the reference.
      if let kind = Self.tables[own.prefix(1)], !CharacterClasses.shared[point].contains(kind) { own = "Cn" }
      return name.utf8.count == 1 ? own.utf8.first == name.utf8.first : own == name
    case .word:
      if !CharacterClasses.shared[point].isDisjoint(with: [.letter, .mark]) { return true }
      guard let scalar = Unicode.Scalar(point) else { return false }
      return [.decimalNumber, .connectorPunctuation].contains(scalar.properties.generalCategory)
    }
  }

  /// The property of a name inside `\p{…}`, or nil if it is not one of the general categories.
  init?(name: String) {
    switch name {
    case "L", "Letter": self = .table(.letter)
    case "M", "Mark": self = .table(.mark)
    case "N", "Number": self = .table(.number)
    case "P", "Punctuation", "S", "Symbol", "Z", "Separator", "C", "Other": self = .category(String(name.prefix(1)))
    case "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po",
      "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn":
      self = .category(name)
    default: return nil
    }
  }

  private static let tables: [Substring: CharacterClass] = ["L": .letter, "M": .mark, "N": .number]

  private static func name(of category: Unicode.GeneralCategory) -> String {
    switch category {
    case .uppercaseLetter: "Lu"
    case .lowercaseLetter: "Ll"
    case .titlecaseLetter: "Lt"
    case .modifierLetter: "Lm"
    case .otherLetter: "Lo"
    case .nonspacingMark: "Mn"
    case .spacingMark: "Mc"
    case .enclosingMark: "Me"
    case .decimalNumber: "Nd"
    case .letterNumber: "Nl"
    case .otherNumber: "No"
    case .connectorPunctuation: "Pc"
    case .dashPunctuation: "Pd"
    case .openPunctuation: "Ps"
    case .closePunctuation: "Pe"
    case .initialPunctuation: "Pi"
    case .finalPunctuation: "Pf"
    case .otherPunctuation: "Po"
    case .mathSymbol: "Sm"
    case .currencySymbol: "Sc"
    case .modifierSymbol: "Sk"
    case .otherSymbol: "So"
    case .spaceSeparator: "Zs"
    case .lineSeparator: "Zl"
    case .paragraphSeparator: "Zp"
    case .control: "Cc"
    case .format: "Cf"
    case .surrogate: "Cs"
    case .privateUse: "Co"
    case .unassigned: "Cn"
    @unknown default: "Cn"
    }
  }
}
